import streamlit as st
from backend.core import answer

import parts

st.title(f"{parts.BEGIN} {answer()}")
