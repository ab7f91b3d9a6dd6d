import helpers
import streamlit as st

st.title(helpers.greet(st.secrets["greeting"]))
