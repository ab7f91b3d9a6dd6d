import sortedcontainers
import streamlit as st

st.title(f"Locked as PEP 751 says: {sortedcontainers.__version__}")
