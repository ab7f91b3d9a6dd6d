"""The attacker: an ordinary Streamlit app whose script is not ordinary."""

import json

import attacks
import streamlit as st


@st.cache_resource
def once() -> dict[str, str]:
    """Everything is tried once per process, and said in the log."""
    found = attacks.everything()
    for name, came in found.items():
        print("ATTACK", json.dumps([name, came]), flush=True)
    attacks.plant()
    print("ATTACK", json.dumps([attacks.BOMB, attacks.outcome(attacks.bomb)]), flush=True)
    return found


st.table(once())
