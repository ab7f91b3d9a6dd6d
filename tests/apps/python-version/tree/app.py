import sys

import streamlit as st

st.title(f"Runs on {sys.version_info.major}.{sys.version_info.minor}")
