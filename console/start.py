"""Starts the console as a process that reads this folder and not even the names beside it.

``python -P console/start.py``. Python finds a package by listing the folder that it lies in: here that is a
checkout, where settings and the data folder may lie as well.
"""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Become ``streamlit run console/app.py``."""
    spec = util.spec_from_file_location(
        "console", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    assert spec is not None  # noqa: S101 - for the type checker
    assert spec.loader is not None  # noqa: S101 - as above
    sys.modules["console"] = package = util.module_from_spec(spec)
    spec.loader.exec_module(package)
    from streamlit.web import cli  # noqa: PLC0415 - it is not needed where this is only looked at

    sys.argv = ["streamlit", "run", str(HERE / "app.py")]
    cli.main()


if __name__ == "__main__":
    main()
