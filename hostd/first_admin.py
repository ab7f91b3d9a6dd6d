"""Where people are wanted and there are none, somebody must be able to let the others in."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from hostd.audit import Act, Audit, Outcome
from hostd.layout import Layout
from hostd.people import Cookies, People, passwords
from hostd.person import Role
from hostd.setting_names import PREFIX
from hostd.settings import Settings
from hostd.signing import secret_in

NAME = "admin"


def make(settings: Settings, layout: Layout) -> None:
    """Make the first user, if one is wanted and there is none. Raises SettingsError, Invalid, DiskFull.

    A password that is made here goes to the standard output of ``python -m hostd`` itself, once, and into
    no file of ours: ``logs/hostd.out``, say, where what supervisord runs may write.
    """
    if not (settings.sign_in or settings.admin_password_file):
        return
    people = People(layout.people, Cookies(settings.public_base), sign_in=True)
    if people.users():
        return
    given = secret_in(settings.admin_password_file)
    password = given or passwords.made()
    people.add(NAME, Role.ADMIN, password)
    record(layout, "create_user", user=NAME, role=Role.ADMIN)
    said = f"hostd: first start: there is a user '{NAME}' now; sign in at {settings.public_base}/sign-in\n"
    if not given:
        said += f"hostd: the password of '{NAME}', shown this once: {password}\n"
    sys.stdout.write(said)
    sys.stdout.flush()


def record(layout: Layout, act: str, **about: str) -> None:
    """A line of the audit log about what was done on this machine, by a command."""
    who = f"{_user()} (command line)"
    done = Act(act=act, who=who, means="", address="local", outcome=Outcome.DONE, about=about)
    Audit(layout.audit).record(done)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name
        return f"uid {Path('/proc/self').stat().st_uid}"


def missing(settings: Settings, people: People) -> tuple[str, ...]:
    """A warning where people sign in at the provider alone, and nobody can ever be an admin."""
    if not settings.oidc_issuer or settings.oidc_admin_groups or settings.admin_token:
        return ()
    if any(user.role is Role.ADMIN and not user.disabled for user in people.users()):
        return ()
    return (
        f"warning: nobody can be an admin here: name groups in {PREFIX}OIDC_ADMIN_GROUPS, or set"
        f" {PREFIX}ADMIN_TOKEN",
    )
