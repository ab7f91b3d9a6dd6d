import pluggy
import sortedcontainers
import streamlit as st

st.title(f"From conda: {sortedcontainers.__version__}, pluggy {pluggy.__version__}")
