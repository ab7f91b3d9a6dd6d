import pluggy
import streamlit as st

st.title(f"From pyproject.toml: pluggy {pluggy.__version__}")
