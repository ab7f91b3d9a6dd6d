import sortedcontainers
import streamlit as st

st.title(f"From a Pipfile: {sortedcontainers.__version__}")
