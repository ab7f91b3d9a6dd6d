import streamlit as st

st.title("From streamlit_app.py")
