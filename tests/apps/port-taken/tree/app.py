import socket

import streamlit as st

st.title("My own server")
first = socket.create_server(("127.0.0.1", 0))
second = socket.create_server(first.getsockname())
