"""Upload files, see what is in them, take something back. Nothing is stored: only the visitor sees it."""

import hashlib
import io
from pathlib import PurePath

import pandas as pd
import streamlit as st
from PIL import Image, UnidentifiedImageError
from streamlit.runtime.uploaded_file_manager import UploadedFile

PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
TABLES = {".csv": ",", ".tsv": "\t"}
LANGUAGES = {".py": "python", ".json": "json", ".md": "markdown", ".toml": "toml", ".sql": "sql"}


def show_picture(file: UploadedFile) -> None:
    """The picture, its size, and a small copy to take away."""
    picture = Image.open(file)
    st.image(picture, caption=f"{picture.width} × {picture.height}, {picture.mode}")
    small = picture.convert("RGB")
    small.thumbnail((256, 256))
    copy = io.BytesIO()
    small.save(copy, "JPEG", quality=85)
    name = f"{PurePath(file.name).stem}-small.jpg"
    st.download_button(
        "Download a small copy · 下载缩略图", copy.getvalue(), name, "image/jpeg", key=file.file_id
    )


def show_table(file: UploadedFile, separator: str) -> None:
    """The rows, and what each column holds."""
    table = pd.read_csv(file, sep=separator)
    rows, columns = st.tabs(["Rows · 数据", "Columns · 各列"])
    rows.dataframe(table, hide_index=True)
    columns.dataframe(table.describe(include="all").astype(str).T)


def show_text(file: UploadedFile, suffix: str) -> None:
    """The first lines as text, or as bytes where it is no text."""
    beginning = file.getvalue()[:4000]
    try:
        st.code(beginning.decode(), language=LANGUAGES.get(suffix), line_numbers=True)
    except UnicodeDecodeError:
        lines = [beginning[at : at + 16].hex(" ") for at in range(0, min(len(beginning), 256), 16)]
        st.code("\n".join(lines), language=None)


def show(file: UploadedFile) -> None:
    """One file, in the way that fits its name."""
    suffix = PurePath(file.name).suffix.lower()
    with st.container(border=True):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.subheader(file.name)
        right.metric("Bytes · 字节", f"{file.size:,}")
        try:
            if suffix in PICTURES:
                show_picture(file)
            elif suffix in TABLES:
                show_table(file, TABLES[suffix])
            else:
                show_text(file, suffix)
        except (UnidentifiedImageError, ValueError, OSError) as error:
            st.error(f"This is not what its name says · 内容与扩展名不符: {error}", icon="🤔")
        st.caption(f"SHA-256 `{hashlib.sha256(file.getvalue()).hexdigest()}`")


st.set_page_config(page_title="File upload", page_icon="📎")
st.title("File upload · 文件上传")
st.write("Pictures, tables and texts are shown as what they are, everything else as bytes.")
st.caption("图片、表格和文本按其类型显示，其他文件显示为字节。文件只留在内存里，只有你能看到。")

files = st.file_uploader("Choose files · 选择文件", accept_multiple_files=True)
if not files:
    st.info("Drop a picture, a CSV or a script here. · 把图片、CSV 或脚本拖到这里。", icon="👆")
for file in files:
    show(file)
