"""The second page: a table that can be changed."""

import streamlit as st

import tasks

st.title("Board · 看板")
st.write("Tick tasks off, rename them, add rows at the end. The other pages see it at once.")
st.caption("勾选、改名或在末尾添加一行，其他页面立刻就能看到。")

edited = st.data_editor(
    tasks.current(),
    num_rows="dynamic",
    hide_index=True,
    column_config={
        "task": st.column_config.TextColumn("Task · 任务", width="large", required=True),
        "who": st.column_config.TextColumn("Who · 谁"),
        "done": st.column_config.CheckboxColumn("Done · 完成", default=False),
    },
)
if not edited.equals(tasks.current()):
    st.session_state.tasks = edited
    st.rerun()
if len(edited) and edited["done"].all():
    st.success("All done. Time for tea! · 全部完成，喝杯茶吧！", icon="🍵")
