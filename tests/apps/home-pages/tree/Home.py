import streamlit as st

st.title("The home page")
st.page_link("pages/1_📈_Figures.py", label="Figures")
