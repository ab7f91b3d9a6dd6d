"""Attacks from inside an app on the running platform: a table of attack, context, blocked or not.

    python -m bench.attacks                      as root, and as one ordinary user
    python -m bench.attacks --url http://127.0.0.1:8080 --code /opt/hostd    a platform that runs already

The second is for one in a container (with STREAMLIT_HOST_APP_PROCESSES=150, so that the table is there soon).
``--port``, ``--console``, ``--free``, ``--cache``, ``--bait`` (a folder that is made, for links) are
as the platform has them inside; ``--inside`` is what runs a command there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from collections import Counter
from functools import partial

import httpx

from tests.attacks.contexts import as_one_user, as_started
from tests.attacks.suite import run, verdict
from tests.attacks.target import Target


def table(found: dict[str, dict[str, str]]) -> None:
    """Print it: a row per attack, a column per context."""
    contexts = list(found)
    names = list(dict.fromkeys(name for came in found.values() for name in came))
    width = max(map(len, names))
    print(f"{'attack':{width}}  " + "  ".join(f"{context:24}" for context in contexts))
    for name in names:
        cells = [
            f"{verdict(found[one][name]):8}{found[one][name]:16}" for one in contexts if name in found[one]
        ]
        print(f"{name:{width}}  " + "  ".join(cells))
    for context in contexts:
        print(context, dict(Counter(verdict(came) for came in found[context].values())))


def main() -> None:
    """Run the attacks in each context, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", help="a platform that runs already")
    parser.add_argument("--token", default="", help="its token")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--console", type=int, default=8500)
    parser.add_argument("--free", type=int, default=8999)
    parser.add_argument("--code", default="/opt/hostd")
    parser.add_argument("--cache", default="/data/cache/uv")
    parser.add_argument("--bait", default="/data/bait")
    parser.add_argument("--inside", default="docker compose exec -T hostd")
    given = parser.parse_args()
    found: dict[str, dict[str, str]] = {}
    if given.url:
        headers = {"Authorization": f"Bearer {given.token}"} if given.token else {}
        api = httpx.Client(base_url=f"{given.url}/api", timeout=60, headers=headers, trust_env=False)
        target = Target(
            api=api, port=given.port, console=given.console, free=given.free, code=given.code,
            cache=given.cache, bait=given.bait, shell=partial(_inside, shlex.split(given.inside)),
        )  # fmt: skip
        found[_level(target)] = run(target)
    else:
        for context in (as_started, as_one_user) if os.getuid() == 0 else (as_started,):
            with context() as target:
                found[_level(target)] = run(target)
    table(found)


def _inside(command: list[str], script: str) -> str:
    done = subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def _level(target: Target) -> str:
    return str(target.api.get("/health").json()["isolation"])


if __name__ == "__main__":
    main()
