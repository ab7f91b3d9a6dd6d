import streamlit as st

st.title("Before the import")
import sklearn  # noqa: E402, F401
