"""The app that asked for strangers' packages: it tells what they have seen of its install."""

import json
import os
import time

import evil_wheel
import streamlit as st


def judged(found: list[dict[str, object]], how: str) -> str:
    """Blocked when all who ran it were this app or its own builder, confined."""
    found = [one for one in found if one["how"] == how]
    ours = (os.getuid(), os.getuid() + 1)
    if not found:
        return "ENOENT"
    if all(one["uid"] in ours and one["held"] for one in found):
        return "as the app" if all(one["uid"] == ours[0] for one in found) else "its own builder"
    return "open"


def records() -> list[dict[str, object]]:
    """Whoever left one, in any place."""
    found = []
    for place in evil_wheel.PLACES:
        path = f"{place}/{evil_wheel.NAME}-{evil_wheel.TOKEN}"
        if os.path.lexists(path):
            try:
                with open(path, encoding="utf-8") as file:
                    found += [json.loads(line) for line in file]
            except OSError:  # somebody else's: that is all that has to be known
                found += [{"how": how, "uid": -1, "held": False} for how in (".pth", "setup.py")]
    return found


def outlives(pid: int) -> str:
    """Whether the process is there for good."""
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}"):
        if time.monotonic() > deadline:
            return "open"
        time.sleep(0.2)
    return "ended"


def tell() -> dict[str, str]:
    """Every try by name."""
    found = {"run a .pth as who installs": judged(records(), ".pth")}
    try:
        import evil_source
    except ImportError:
        return found
    with open(os.path.join(os.path.dirname(evil_source.__file__), "told.json"), encoding="utf-8") as file:
        told = json.load(file)
    setups = [told["who"], *records()]
    return {
        **found,
        "run a setup.py as who installs": judged(setups, "setup.py"),
        "leave a process behind at install": outlives(told["left"]),
        **{f"at install: {name}": came for name, came in told["found"].items()},
    }


for name, came in tell().items():
    print("ATTACK", json.dumps([name, came]), flush=True)
print("ATTACK", json.dumps(["told", os.environ["ROUND"]]), flush=True)
st.title("stranger")
