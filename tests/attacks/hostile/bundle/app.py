"""The attacker: an ordinary Streamlit app whose script is not ordinary."""

import json
import os

import streamlit as st


@st.cache_resource
def once() -> dict[str, str]:
    """Everything is tried by the first process, and said in the log."""
    import attacks

    found = attacks.everything()
    for name, came in found.items():
        print("ATTACK", json.dumps([name, came]), flush=True)
    attacks.plant()
    print("ATTACK", json.dumps([attacks.BOMB, attacks.outcome(attacks.bomb)]), flush=True)
    return found


if "LOUD" in os.environ:
    for _ in range(200):
        print("x" * 60_000, flush=True)
if os.path.lexists(os.path.expanduser("~/recovered")):
    st.title("as if nothing had been")
else:
    st.table(once())
