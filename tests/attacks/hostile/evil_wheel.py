"""Run by a .pth in any Python that looks into the venv: writes down who that is."""

import json
import os
import sys

NAME = "hostd-ran"
PLACES = (sys.prefix, "/dev/shm", "/tmp", "/var/tmp", os.path.expanduser("~"))


def who(how: str) -> dict[str, object]:
    """Who runs this, and how confined."""
    with open("/proc/self/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return {"how": how, "uid": os.getuid(), "held": (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")}


def record(how: str) -> None:
    """Leave it wherever that can be done."""
    for place in PLACES:
        try:
            with open(f"{place}/{NAME}-{TOKEN}", "a", encoding="utf-8") as file:
                file.write(json.dumps(who(how)) + "\n")
        except OSError:
            continue


TOKEN = "@TOKEN@"
