"""What the pages share. The state is the visitor's own: another tab begins with a fresh list."""

import pandas as pd
import streamlit as st

BEGINNING = (
    ("Write the first page · 写好首页", "Ada", True),
    ("Upload a new version · 上传新版本", "Lin", False),
    ("Tell a colleague · 告诉同事", "Sam", False),
)


def prepare() -> None:
    """Give a new visitor the first tasks."""
    if "tasks" not in st.session_state:
        st.session_state.tasks = pd.DataFrame(BEGINNING, columns=["task", "who", "done"])


def current() -> pd.DataFrame:
    """This visitor's tasks."""
    tasks: pd.DataFrame = st.session_state.tasks
    return tasks


def done_share() -> float:
    """How much of the work is done, from 0 to 1."""
    return float(current()["done"].mean()) if len(current()) else 0.0
