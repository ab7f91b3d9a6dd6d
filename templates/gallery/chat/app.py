"""A chat with streamed answers. ``answer`` is where your own model goes; this one needs no network."""

import time
from collections.abc import Iterator

import streamlit as st

SUGGESTIONS = ("What can you do?", "你好！", "Write some code")
CODE = """Here you are:
```python
import streamlit as st

st.write("Hello from the chat")
```
"""
ABILITIES = """Not much by myself, but I show how it is done:

- `st.chat_input` takes what you say,
- `st.write_stream` shows an answer **while it is being made**,
- `st.session_state` remembers the conversation.
"""


def answer(messages: list[dict[str, str]]) -> Iterator[str]:
    """The answer to the last message, piece by piece. Call your model here."""
    said = messages[-1]["content"]
    if "code" in said.lower() or "代码" in said:
        whole = CODE
    elif "you do" in said.lower() or "做什么" in said:
        whole = ABILITIES
    elif any("一" <= letter <= "鿿" for letter in said):
        whole = f"你说了{len(said)}个字。我只是一个示例，不过每个字都是一边生成、一边显示的。"
    else:
        whole = f"You said {len(said.split())} words, beginning with *{said.split()[0]}*. Tell me more!"
    for letter in whole:
        yield letter
        time.sleep(0.008)


st.set_page_config(page_title="Chat", page_icon="💬")
st.title("Chat · 聊天")
st.caption("Answers come word by word, from a few lines of Python. · 回答由几行 Python 逐字给出。")

messages: list[dict[str, str]] = st.session_state.setdefault("messages", [])
for message in messages:
    st.chat_message(message["role"]).markdown(message["content"])

said = st.chat_input("Say something · 说点什么")
beginning = st.empty()
if not messages:
    said = said or beginning.pills("Try one of these · 试试这些", SUGGESTIONS)
if said and said.strip():
    beginning.empty()
    messages.append({"role": "user", "content": said})
    st.chat_message("user").markdown(said)
    with st.chat_message("assistant"):
        content = st.write_stream(answer(messages))
    messages.append({"role": "assistant", "content": str(content)})
    st.rerun()

if messages and st.sidebar.button("New conversation · 新对话", icon="🧹", width="stretch"):
    messages.clear()
    st.rerun()
