import streamlit as st

st.title("With a secret")
st.write(st.secrets["crm_token"])
