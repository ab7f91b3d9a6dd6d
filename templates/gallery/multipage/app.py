"""The frame around every page: title, menu, and what all of them share."""

import streamlit as st

import tasks

st.set_page_config(page_title="Team board", page_icon="🗂️")
tasks.prepare()

page = st.navigation(
    {
        "Work · 工作": [
            st.Page("views/overview.py", title="Overview · 概览", icon="🏠", default=True),
            st.Page("views/board.py", title="Board · 看板", icon="✅"),
        ],
        "More · 更多": [st.Page("views/about.py", title="About · 关于", icon="💡")],
    }
)
with st.sidebar:
    st.text_input("Your name · 你的名字", key="person", placeholder="Ada")
    st.progress(tasks.done_share(), f"{tasks.done_share():.0%} done · 已完成")
page.run()
