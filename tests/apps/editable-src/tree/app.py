import streamlit as st
from brass.band import NAME

st.title(NAME)
