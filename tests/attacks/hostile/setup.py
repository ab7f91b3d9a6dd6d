"""A source distribution's: whoever builds it runs this, with all the attacks that an app tries."""

import json
import os
import sys

from setuptools import setup


def leave() -> int:
    """Start a process that outlives the install. Its pid."""
    ends = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.write(ends[1], b"%d" % os.getpid())
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.execv("/bin/sleep", ["/bin/sleep", "600"])
    return int(os.read(ends[0], 20))


if "bdist_wheel" in sys.argv:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    with open(os.path.join(here, "targets.json"), encoding="utf-8") as file:
        os.environ["ATTACK_TARGETS"] = file.read()
    import attacks
    import evil_wheel

    told = {"who": evil_wheel.who("setup.py"), "left": leave(), "found": attacks.everything(own=False)}
    with open(os.path.join(here, "evil_source", "told.json"), "w", encoding="utf-8") as file:
        json.dump(told, file)

setup(name="evil-source", version="1", packages=["evil_source"], package_data={"evil_source": ["told.json"]})
