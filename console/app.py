"""``python -m streamlit run console/app.py``, from the repository's root."""

from __future__ import annotations

import os

import httpx
import streamlit as st

from console.client import connect
from console.frame import main

API_URL = os.environ.get("HOSTD_API_URL", "http://127.0.0.1:8080")
PUBLIC_BASE = os.environ.get("HOSTD_PUBLIC_BASE", API_URL)


@st.cache_resource(show_spinner=False)
def _http(api_url: str) -> httpx.Client:
    return connect(api_url)


main(_http(API_URL), PUBLIC_BASE)
