import figures
import streamlit as st

st.title(f"The second page, {len(figures.ALL)} figures")
