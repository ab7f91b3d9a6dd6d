import streamlit as st
from sortedcontainers import SortedList

st.title(f"Asked for, sorted {list(SortedList([2, 1]))}")
