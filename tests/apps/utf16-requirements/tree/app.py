import pluggy
import streamlit as st

st.title(f"UTF-16, pluggy {pluggy.__version__}")
