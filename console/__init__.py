"""The Streamlit console. It knows hostd over its REST API only, through ``console.client``."""
