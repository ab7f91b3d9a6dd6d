"""Logs of starts and first pages that failed, as Streamlit and Python printed them."""

from __future__ import annotations

from hostd.models import FailureKind as Kind
from tests.install_logs import Log

USAGE = "Usage: streamlit run [OPTIONS] [TARGET] [ARGS]...\nTry 'streamlit run --help' for help.\n\n"
STARTED = "2026-11-22T23:57:55.001Z [hostd] start: release 3 on port 8501\n"
VENV = "/srv/data/apps/demo/releases/3/venv"
SITE = f"{VENV}/lib/python3.11/site-packages"
RUNNER = """Traceback (most recent call last):
  File "/srv/data/hostd_runner.py", line 251, in <module>
    main()
  File "/srv/data/hostd_runner.py", line 247, in main
    runpy.run_path(program, run_name="__main__")
  File "<frozen runpy>", line 291, in run_path
"""
MAIN = f"""{RUNNER}  File "<frozen runpy>", line 98, in _run_module_code
  File "<frozen runpy>", line 88, in _run_code
  File "{VENV}/bin/streamlit", line 5, in <module>
    from streamlit.web.cli import main
"""

STARTS = [
    Log(
        "entry_missing",
        Kind.CRASHED,
        ("nosuch.py",),
        f"{STARTED}{USAGE}Error: Invalid value: File does not exist: nosuch.py\n",
    ),
    Log(
        "entry_not_python",
        Kind.CRASHED,
        (".ipynb",),
        f"{STARTED}{USAGE}Error: Streamlit requires raw Python (.py) files, not .ipynb.\nFor more"
        " information, see\n",
    ),
    Log(
        "port_unavailable",
        Kind.PORT_UNAVAILABLE,
        ("",),
        f"{STARTED}23:57:56.675 Port 8501 is not available\n",
    ),
    Log(
        "port_unavailable",
        Kind.PORT_UNAVAILABLE,
        ("",),
        f"{STARTED}23:57:56.675 Port 8501 is already in use\n",
    ),
    Log("port_hard_coded", Kind.CRASHED, ("8888",), f"{STARTED}23:57:56.675 Port 8888 is not available\n"),
    Log(
        "streamlit_missing",
        Kind.CRASHED,
        ("Streamlit",),
        f"{STARTED}{RUNNER}FileNotFoundError: [Errno 2] No such file or directory: '{VENV}/bin/streamlit'\n",
    ),
    Log(
        "streamlit_missing",
        Kind.CRASHED,
        ("Streamlit",),
        f"{STARTED}hostd: this program can't be started: [Errno 2] No such file or directory:"
        f" '{VENV}/bin/python'\n",
    ),
    Log(
        "config_invalid",
        Kind.CRASHED,
        ("line 1",),
        f"{STARTED}Error parsing config toml. This is most likely due to a syntax error in the"
        " config.toml file.\n"
        f'Traceback (most recent call last):\n  File "{SITE}/streamlit/config.py", line 3144, in _update\n'
        "tomllib.TOMLDecodeError: Invalid value (at line 1, column 5)\n",
    ),
    Log("crashed", Kind.CRASHED, ("1",), f"{STARTED}goodbye\n"),
]

APP = """Traceback (most recent call last):
  File "/srv/data/apps/demo/releases/3/bundle/app.py", line 2, in <module>
    import thing
"""
TOO_NEW = {
    "altair": f"""{MAIN}  File "{SITE}/streamlit/elements/arrow_altair.py", line 36, in <module>
    from altair.vegalite.v4.api import Chart
ModuleNotFoundError: No module named 'altair.vegalite.v4'
""",
    "protobuf": f"""{MAIN}  File "{SITE}/streamlit/proto/Alert_pb2.py", line 33, in <module>
    _descriptor.EnumValueDescriptor(
  File "{SITE}/google/protobuf/descriptor.py", line 796, in __new__
    _message.Message._CheckCalledFromGeneratedFile()
TypeError: Descriptors cannot be created directly.
If this call came from a _pb2.py file, your generated code is out of date and must be regenerated.
""",
    "numpy and pyarrow, the beginning cut off": f"""    import pyarrow as pa
  File "{SITE}/pyarrow/__init__.py", line 59, in <module>
    from pyarrow.lib import (BuildInfo, CppBuildInfo, RuntimeInfo, set_timezone_db_path,
  File "pyarrow/lib.pyx", line 42, in init pyarrow.lib
ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4
""",
    "below the app": f"""{APP}  File "{SITE}/thing/__init__.py", line 1, in <module>
    from werkzeug.urls import url_quote
ImportError: cannot import name 'url_quote' from 'werkzeug.urls' ({SITE}/werkzeug/urls.py)
""",
    "a name that is gone": f"{APP}ImportError: cannot import name 'Thing' from 'thing'"
    f" ({SITE}/thing/__init__.py)\n",
}
"""Tracebacks of packages that are too new for the rest."""

OWN = {
    "module": f"{APP}ModuleNotFoundError: No module named 'thing'\n",
    "bug": f"{APP}KeyError: 'x'\n",
    "wrong call": f"""{APP}  File "{SITE}/pandas/io/parsers/readers.py", line 1866, in read_csv
    return _read(filepath_or_buffer, kwds)
FileNotFoundError: [Errno 2] No such file or directory: 'x.csv'
""",
    "optional": f"""{APP}  File "{SITE}/pandas/compat/_optional.py", line 135, in import_optional_dependency
    raise ImportError(msg)
ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda to install openpyxl.
""",
    "no traceback": "Port 8501 is not available\n",
}
"""Failures of the app itself."""
