import pluggy
import streamlit as st

st.title(f"Installed pluggy {pluggy.__version__}")
