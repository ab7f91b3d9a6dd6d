import sys

import streamlit as st

st.title(f"By runtime.txt {sys.version_info.major}.{sys.version_info.minor}")
