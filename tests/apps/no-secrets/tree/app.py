import streamlit as st

st.title("Without secrets")
st.write(st.secrets["crm_token"])
