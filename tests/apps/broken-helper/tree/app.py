import streamlit as st

st.title("Before the helper")
import helper  # noqa: E402, F401
