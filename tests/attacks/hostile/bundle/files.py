"""Files of another app, what is shared, the platform's files."""

from __future__ import annotations

import os
from pathlib import Path

from trying import *

# --- Files of another app ---

attack("read another app's code")(lambda: (release(VICTIM) / "bundle" / "app.py").read_bytes())
attack("read another app's storage")(lambda: (VICTIM / "home" / "storage" / "secret.txt").read_bytes())
attack("write another app's storage")(lambda: append(VICTIM / "home" / "storage" / "secret.txt"))
attack("delete another app's file")(lambda: (VICTIM / "home" / "storage" / "secret.txt").unlink())
attack("put code beside another app's")(lambda: (release(VICTIM) / "bundle" / "numpy.py").write_text("1"))
attack("poison another app's venv by .pth")(lambda: (packages(VICTIM) / "x.pth").write_text("import os"))
attack("change a package in another app's venv")(
    lambda: append(packages(VICTIM) / "streamlit" / "__init__.py")
)
attack("read another app's log")(lambda: (VICTIM / "run.log").read_bytes())
attack("read another app's meta.json")(lambda: (VICTIM / "meta.json").read_bytes())
attack("read another app's upload")(lambda: (release(VICTIM) / "bundle.zip").read_bytes())
attack("change the modes of another app's files")(lambda: (VICTIM / "home").chmod(0o700))
attack("list the apps")(lambda: os.listdir(APPS))
attack("use shared memory of a known name")(
    lambda: append(Path("/dev/shm", f"hostd-victim-{T['victim_name']}"))
)
attack("list shared memory of others")(lambda: any_of_others(os.listdir("/dev/shm")))


def any_of_others(names: list[str]) -> None:
    mine = [name for name in names if os.access(f"/dev/shm/{name}", os.R_OK)]
    if not mine:
        raise Refused("names only")

# --- What is shared ---

@attack("poison a package through a hard link", own=True)
def hard_link() -> None:
    source, link = packages(ME) / "streamlit" / "version.py", Path.home() / "linked.py"
    link.unlink(missing_ok=True)
    os.link(source, link)
    append(link)


attack("change a package in its own venv", own=True)(lambda: append(packages(ME) / "streamlit" / "version.py"))
attack("put a .pth into its own venv", own=True)(lambda: (packages(ME) / "x.pth").write_text("import os"))
attack("read the package cache")(lambda: os.listdir(T["cache"]))
attack("write the package cache")(lambda: Path(T["cache"], "x").write_text("x"))
attack("write Streamlit's shared files")(lambda: Path(DATA, "cache", "static", "x").write_text("x"))
attack("write beside the shared bytecode")(lambda: (DATA / "cache" / "x").write_text(""))
attack("change its own uploaded code", own=True)(lambda: append(release(ME) / "bundle" / "app.py"))
attack("replace its own upload", own=True)(lambda: append(release(ME) / "bundle.zip"))

# --- The platform's files ---

attack("list the platform's folder")(lambda: os.listdir(DATA))
attack("read supervisord's configuration")(lambda: (DATA / "supervisor" / "supervisord.conf").read_bytes())
attack("read the platform's environment")(lambda: (DATA / "supervisor" / "hostd.json").read_bytes())
attack("read what other apps are started with")(lambda: os.listdir(DATA / "supervisor" / "apps"))
attack("add a program to supervisord")(lambda: (DATA / "supervisor" / "apps" / "x.conf").write_text(""))
attack("read the platform's log")(lambda: (DATA / "logs" / "hostd.log").read_bytes())
attack("read the people's passwords and tokens")(lambda: os.listdir(DATA / "people"))
attack("read the key of the secrets")(lambda: (DATA / "secrets.key").read_bytes())
attack("read the home of root")(lambda: os.listdir("/root"))
attack("read /etc/shadow")(lambda: Path("/etc/shadow").read_bytes())
attack("write to /etc")(lambda: Path("/etc/hostd-attack").write_text(""))
attack("write to /usr/local/bin")(lambda: Path("/usr/local/bin/hostd-attack").write_text(""))


attack("change the platform's own code")(lambda: append(Path(T["code"], "hostd", "launch.py")))
