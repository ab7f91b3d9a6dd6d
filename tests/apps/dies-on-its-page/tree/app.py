import os

import streamlit as st

st.title("The last words")
os._exit(3)
