"""The demo that the console deploys with one click: widgets, a chart, an upload, a download, two pages.

Works on Streamlit 1.36 and newer (``st.navigation``).
"""

import math

import pandas as pd
import streamlit as st


def wave(frequency: int, damping: float) -> pd.DataFrame:
    """One damped wave, ready for a chart."""
    points = [index / 20 for index in range(200)]
    heights = [math.exp(-damping * x) * math.sin(frequency * x) for x in points]
    return pd.DataFrame({"x": points, "height": heights}).set_index("x")


def play() -> None:
    """Widgets that answer at once."""
    st.title("Hello from your own app 👋")
    st.write("This page is one file, `app.py`. Move something: Streamlit runs it again, top to bottom.")
    name = st.text_input("Your name", placeholder="Ada")
    if name:
        st.success(f"Nice to meet you, {name}!")
    left, right = st.columns(2)
    frequency = left.slider("Frequency", 1, 10, 3)
    damping = right.slider("Damping", 0.0, 1.0, 0.2)
    data = wave(frequency, damping)
    st.line_chart(data)
    st.download_button("Download the data", data.to_csv(), "wave.csv", "text/csv")
    if st.button("Count my clicks"):
        st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1
    st.caption(f"Clicks in this session: {st.session_state.get('clicks', 0)}")


def files() -> None:
    """An upload, looked at and given back."""
    st.title("Files")
    st.write("This page has its own address, which can be sent to somebody.")
    upload = st.file_uploader("Upload a file")
    if upload is None:
        st.info("Pick any file: it stays in memory, and only you see it.")
        return
    content = upload.getvalue()
    st.metric("Bytes", f"{len(content):,}")
    st.code(content[:500].decode("utf-8", errors="replace"), language=None)
    st.download_button("Give it back", content, upload.name)


st.set_page_config(page_title="hostd demo", page_icon="👋")
st.navigation(
    [
        st.Page(play, title="Play", icon="🎛️", default=True),
        st.Page(files, title="Files", icon="📄", url_path="files"),
    ]
).run()
