"""Release to venv. The only room that touches uv.

The install itself runs as a one-shot supervisord program (``python -m hostd.builds SPEC``), so that it
survives a restart of hostd and operators see it. It marks the release complete by writing release.json.

::

    Source ─ dependencies ─▶ Wanted ─ interpreters ─▶ Python ─ as_of ─▶ a date ─ oneshot ─▶ venv, release.json
"""

from hostd.builds.exits import NO_PYTHON, OUT_OF_TIME
from hostd.builds.install import UV
from hostd.builds.interpreters import interpreter
from hostd.builds.job import Job, Users, environment, is_complete, spec
from hostd.builds.key import can_look_back, dependency_key

__all__ = [
    "NO_PYTHON",
    "OUT_OF_TIME",
    "UV",
    "Job",
    "Users",
    "can_look_back",
    "dependency_key",
    "environment",
    "interpreter",
    "is_complete",
    "spec",
]
