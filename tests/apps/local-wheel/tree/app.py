import streamlit as st
import tin_whistle

st.title(f"Tin whistle plays {tin_whistle.NOTE}")
