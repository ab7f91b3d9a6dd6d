"""The shortest app worth having: move something, and the page runs again, top to bottom."""

import math

import pandas as pd
import streamlit as st

st.set_page_config(page_title="Hello", page_icon="👋")


def rose(petals: int, turns: float) -> pd.DataFrame:
    """The points of a rose curve: a circle whose radius breathes."""
    angles = [step / 100 for step in range(round(turns * 628) + 1)]
    radii = [math.cos(petals / 4 * angle) for angle in angles]
    return pd.DataFrame(
        {
            "x": [radius * math.cos(angle) for radius, angle in zip(radii, angles, strict=True)],
            "y": [radius * math.sin(angle) for radius, angle in zip(radii, angles, strict=True)],
            "turn": [angle / 6.28 for angle in angles],
        }
    )


st.title("Hello 👋")
st.write("This page is one file, `app.py`. Change it, upload it again, and everybody sees the new one.")
st.caption("这个页面只有一个文件 app.py。改好后重新上传，大家看到的就是新版本。")

name = st.text_input("Your name · 你的名字", placeholder="Ada")
if name:
    st.success(f"Nice to meet you, {name}! · 很高兴认识你，{name}！")

controls, picture = st.columns([1, 2], gap="large", vertical_alignment="center")
with controls:
    petals = st.slider("Petals · 花瓣", 1, 24, 10)
    turns = st.slider("Turns · 圈数", 0.5, 4.0, 4.0, step=0.5)
    color = st.color_picker("Color · 颜色", "#FF4B4B")
points = rose(petals, turns)
with picture:
    st.scatter_chart(points, x="x", y="y", color=color, size=12, height=420)

with st.expander("How it is made · 怎么做的"):
    st.code(
        'petals = st.slider("Petals", 1, 24, 10)\nst.scatter_chart(rose(petals), x="x", y="y")',
        language="python",
    )
    st.download_button("Download the points · 下载数据", points.to_csv(index=False), "rose.csv", "text/csv")
