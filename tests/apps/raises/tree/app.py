import streamlit as st

st.title("Half of it")
st.write(1 / 0)
