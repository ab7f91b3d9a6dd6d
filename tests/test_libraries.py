"""The libraries that people's apps are made of work unchanged under the guard."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from .platform import Platform

REQUIREMENTS = b"streamlit\npandas\npyarrow\nnumpy\nscikit-learn\nplotly\nmatplotlib\nduckdb\nrequests\n"
APP = b"""
import io, multiprocessing, os, sqlite3, subprocess, sys, tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import duckdb
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.express as px
import pyarrow.parquet as pq
import requests
import streamlit as st
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score


def checks():
    storage = Path(os.environ["STREAMLIT_APP_STORAGE"])
    frame = pd.DataFrame({"x": np.arange(100_000), "y": np.random.default_rng(1).normal(size=100_000)})
    frame.to_parquet(storage / "frame.parquet")
    assert pq.read_table(storage / "frame.parquet").num_rows == 100_000
    yield "pandas, pyarrow"
    assert np.linalg.svd(np.random.default_rng(2).normal(size=(300, 300)))[1].shape == (300,)
    yield "numpy"
    features, labels = load_iris(return_X_y=True)
    model = RandomForestClassifier(n_estimators=20, n_jobs=2)
    assert cross_val_score(model, features, labels, cv=3, n_jobs=2).mean() > 0.8
    yield "scikit-learn, joblib"
    figure, axes = plt.subplots()
    axes.plot(frame["x"][:100], frame["y"][:100])
    picture = io.BytesIO()
    figure.savefig(picture)
    assert picture.tell() > 5_000
    st.pyplot(figure)
    yield "matplotlib"
    st.plotly_chart(px.line(frame[:100], x="x", y="y"))
    yield "plotly"
    with duckdb.connect(str(storage / "data.duckdb")) as base:
        base.sql("create or replace table t as select x, y from frame")
        query = f"select count(*) from '{storage}/frame.parquet' join t using (x)"
        assert base.execute(query).fetchall() == [(100_000,)]
    yield "duckdb"
    assert requests.get(os.environ["ELSEWHERE"], timeout=30).text == "from elsewhere"
    yield "requests"
    with sqlite3.connect(storage / "data.sqlite") as base:
        base.execute("create table if not exists t (x)")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "x").write_text("x")
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(abs, range(-10, 0))) == 55
    assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout == "1\\n"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
    yield "the standard library"


for name in checks():
    print("WORKS", name, flush=True)
    st.write(name)
st.dataframe(pd.DataFrame({"a": [1, 2, 3]}))
st.line_chart({"a": [1, 3, 2]})
"""
WORKS = ["pandas, pyarrow", "numpy", "scikit-learn, joblib", "matplotlib", "plotly", "duckdb", "requests",
         "the standard library"]  # fmt: skip


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """One answer for all."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from elsewhere")

    def log_message(self, format: str, *args: object) -> None:
        """Tests say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server on a port that apps may connect to."""
    port = next(port for port in range(9100, 9999) if _is_free(port))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), _Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{port}/"
        server.shutdown()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_they_work_unchanged(platform: Platform, elsewhere: str) -> None:
    """Files, native code, threads, worker processes, shared memory, HTTP: the first page comes out well."""
    environment = f'{{"ELSEWHERE": "{elsewhere}"}}'
    app_id = platform.running("libraries", APP, 500, requirements=REQUIREMENTS, environment=environment)
    assert platform.app(app_id)["warning"] is None
    lines = platform.logs(app_id, 400).splitlines()
    works = dict.fromkeys(line.removeprefix("WORKS ") for line in lines if line.startswith("WORKS "))
    assert list(works) == WORKS, platform.logs(app_id, 400)
    assert platform.api.delete(f"/apps/{app_id}").status_code == 200
