import streamlit as st

st.title("Far too much")
st.write(len(bytearray(1 << 62)))
