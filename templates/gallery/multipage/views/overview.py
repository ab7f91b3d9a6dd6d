"""The first page: how things stand."""

import streamlit as st

import tasks

st.title("Team board · 团队看板")
greeting = f"Welcome, {st.session_state.person}!" if st.session_state.get("person") else "Welcome!"
st.write(f"{greeting} Each page is a file in `views/` and has an address of its own that you can send on.")
st.caption("每个页面都是 views/ 里的一个文件，有自己的网址，可以直接发给同事。")

current = tasks.current()
left, middle, right = st.columns(3)
left.metric("Tasks · 任务", len(current), border=True)
middle.metric("Done · 完成", int(current["done"].sum()), border=True)
right.metric("People · 人", current["who"].nunique(), border=True)

st.subheader("Who does what · 分工")
state = current["done"].map({True: "done", False: "open"})
st.bar_chart(current.groupby(["who", state]).size().unstack(fill_value=0), horizontal=True, height=220)
st.page_link("views/board.py", label="Open the board · 打开看板", icon="✅")
