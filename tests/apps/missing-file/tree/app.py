from pathlib import Path

import streamlit as st

st.title("Orders")
st.text(Path("data/orders.csv").read_text())
