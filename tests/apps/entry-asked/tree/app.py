import streamlit as st

st.title("The wrong one")
