import sortedcontainers
import streamlit as st

st.title(f"Locked by uv: {sortedcontainers.__version__}")
