import streamlit as st

st.title("Not this one")
