import streamlit as st

st.title("From app.py")
