"""An app with secrets that are looked for afterwards, and everything that is told of it."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx

TOKEN = "Zq7pLntTOKEN-81c2e95f"
PASSWORD = 'Zq7pLnt p/w "ü" 5d7a'
PRIVATE = "-----BEGIN-----\nZq7pLntLINEone7f3a\nZq7pLntLINEtwo9b1c\n-----END-----\n"
NUMBER = 4711000000 + 815
NEW_TOKEN = "Zq7pLntNEW-33ab77cc"
BAD_TOKEN = "Zq7pLntBAD-00ff00ff"
TYPED = "Zq7pLntTYPO-1234abcd"
NEEDLES = [b"Zq7pLnt", base64.b64encode(b"Zq7pLn"), str(NUMBER).encode()]
"""What every planted value has in it, also in URLs, JSON, HTML, and in Base64."""
SECRETS_TOML = f"""
token = "{TOKEN}"
number = {NUMBER}
short = "abc"
[database]
password = '{PASSWORD}'
key = \"\"\"
{PRIVATE}\"\"\"
"""
APP = b"""
import base64, json, os, sys, time, urllib.parse
import streamlit as st

token, database = st.secrets["token"], st.secrets["database"]
if "BAD-" in token:
    print("bad token", token, flush=True)
    raise RuntimeError("no entry with " + token)
print("printed", token, database["password"], database["key"], st.secrets["number"])
print(json.dumps(dict(database)), urllib.parse.quote(database["password"]), repr(database["password"]))
print(base64.b64encode(token.encode()).decode())
for part in (token[:5], token[5:], "\\n"):
    sys.stdout.write(part)
    sys.stdout.flush()
    time.sleep(0.05)
number = str(st.secrets["number"])
print("in the environment", os.environ.get("token") == token, os.environ.get("number") == number)
print("region", os.environ.get("REGION"), "and no table", "database" in os.environ)
st.title("token " + token[-4:])
"""


def clear_files(data: Path, app_id: str) -> list[Path]:
    """The files of the app that hold its secrets in the clear."""
    return sorted((data / "apps" / app_id / "secrets").glob("*.toml"))


def answers(api: httpx.Client, app_id: str) -> Iterator[tuple[str, bytes]]:
    """What is told of an app, by API and gateway, names and bytes."""
    one, url = f"/apps/{app_id}", str(api.base_url).rstrip("/").removesuffix("/api")
    numbers = [release["release"] for release in api.get(f"{one}/releases").json()]
    releases = [f"{one}/releases/{number}" for number in numbers]
    diffs = [f"{release}/diff?base={numbers[-1]}" for release in releases]
    told = ("", "/logs?tail=10000", "/files", "/files/app.py", "/releases", "/variables", "/secrets")
    for path in ("/apps", "/health", *(one + more for more in told), *releases, *diffs):
        answer = api.get(path, headers={"Accept-Language": "zh" if "diff" in path else "en"})
        assert answer.status_code == 200, (path, answer.text)
        yield path, answer.content
    for release in releases:
        with zipfile.ZipFile(io.BytesIO(api.get(f"{release}/bundle").content)) as bundle:
            yield release, b"".join(bundle.read(name) for name in bundle.namelist())
    for path in ("", "?x", "nowhere", "_stcore/nothing", "~nothing"):
        page = httpx.get(f"{url}{one}/{path}", timeout=30, trust_env=False)
        yield path, page.content + repr(page.headers).encode()
    yield "stream", streamed(api, app_id)


def streamed(api: httpx.Client, app_id: str) -> bytes:
    """The followed log, as far as it goes at once."""
    data = b""
    with api.stream("GET", f"/apps/{app_id}/logs/stream", params={"tail": 10_000}) as stream:
        for part in stream.iter_bytes():
            data += part
            if b"switch: visitors get release" in data:
                return data
    return data
