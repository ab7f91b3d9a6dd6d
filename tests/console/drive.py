"""The console without a browser: Streamlit's AppTest in front of a fake hostd."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.console.fake import FakeHostd


def _script(http: object) -> None:
    # AppTest runs the source of this function alone: what it names must be built in or imported inside.
    from console.frame import main  # noqa: PLC0415

    main(http, "http://hostd.test")  # type: ignore[arg-type]


def visit(hostd: FakeHostd, page: str = "", locale: str = "en-US", **query: str) -> AppTest:
    """Open a page of the console."""
    at = AppTest.from_function(_script, args=(hostd.http,), default_timeout=20)
    at.context = {"locale": locale, "timezone": "UTC"}
    at.query_params.update(query)
    if page:
        at._page_hash = calc_hash(page)  # AppTest itself only switches to pages that are files
    return at.run()


def texts(at: AppTest) -> str:
    """Everything that the page says."""
    said: list[str] = []
    for kind in ("title", "subheader", "markdown", "caption", "info", "success", "warning", "error", "code"):
        said += [str(element.value) for element in getattr(at, kind)]
    said += [toast.value for toast in at.toast]
    return "\n".join(said)


def labels(at: AppTest) -> list[str]:
    """The labels of all buttons."""
    return [button.label for button in at.button]


def press(at: AppTest, label: str) -> AppTest:
    """Press the first button with this label."""
    next(button for button in at.button if button.label == label).click()
    return at.run()


def widget(elements: Any, label: str) -> Any:
    """The first of these widgets with this label."""
    return next(element for element in elements if element.label == label)


def choose_way(at: AppTest, label: str, area: str = "new") -> AppTest:
    """Open one of the tabs of an upload's form."""
    at.session_state[f"ways_{area}_0"] = label
    return at.run()
