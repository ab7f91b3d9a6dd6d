import iniconfig
import streamlit as st

st.title(f"From main.py, with {iniconfig.__name__}")
