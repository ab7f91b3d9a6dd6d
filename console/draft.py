"""Forms that keep what was given until hostd has taken it, whatever happens in between."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from console.client import Refused
from console.upload import Upload


@dataclass(frozen=True, slots=True)
class Draft:
    """One form. The next draft of it starts empty."""

    area: str

    def key(self, name: str) -> str:
        """A widget's key."""
        return f"{name}_{self.area}_{st.session_state.get(self._count, 0)}"

    def done(self) -> None:
        """hostd took it."""
        st.session_state[self._count] = st.session_state.get(self._count, 0) + 1

    def refuse(self, error: Refused, upload: Upload) -> None:
        """hostd did not: draw the form again, with what was given and what it said."""
        st.session_state[self.key("refused")] = (error, upload.what)
        st.rerun()

    def refusal(self) -> tuple[Refused, tuple[str, ...]] | None:
        """What hostd said to the last try, and to what."""
        return st.session_state.get(self.key("refused"))

    def forget_refusal(self) -> None:
        """A new try begins."""
        st.session_state.pop(self.key("refused"), None)

    @property
    def _count(self) -> str:
        return f"drafts_{self.area}"
