"""The third page: words only."""

import streamlit as st

st.title("About · 关于")
st.markdown(
    """
| File · 文件 | Purpose · 用途 |
| --- | --- |
| `app.py` | the menu and what surrounds every page · 菜单和公共部分 |
| `tasks.py` | what the pages share · 各页面共用的代码 |
| `views/*.py` | one file per page · 每页一个文件 |

To add a page, put a file into `views/` and name it in `app.py`.

要添加页面，在 `views/` 里放一个文件，并在 `app.py` 里登记。
"""
)
