from pathlib import Path

import pandas as pd
import streamlit as st

beside = pd.read_csv(Path(__file__).parent / "data" / "prices.csv")
st.title(f"Prices {len(pd.read_csv('data/prices.csv'))} and {len(beside)}")
