import iniconfig
import pluggy
import streamlit as st

st.title(f"Limited: pluggy {pluggy.__version__}, {iniconfig.__name__} there")
