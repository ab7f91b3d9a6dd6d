"""``python -m hostd`` becomes supervisord; ``python -m hostd serve`` is the service that it runs.

``python -m hostd rotate-secrets-key`` gives the apps' secrets another key.
"""

from __future__ import annotations

import sys

from hostd.errors import HostdError


def main(arguments: list[str]) -> int:
    """Returns the exit code; on success ``python -m hostd`` never returns."""
    try:
        if arguments == ["serve"]:
            from hostd.main import serve  # noqa: PLC0415 - the door itself needs no web framework

            serve()
            return 0
        from hostd import door, settings  # noqa: PLC0415

        if arguments == ["rotate-secrets-key"]:
            door.rotate_secrets_key(settings.load())
            return 0
        if arguments:
            print("usage: python -m hostd [serve | rotate-secrets-key]", file=sys.stderr)
            return 2
        door.enter(settings.load())
    except HostdError as error:
        print(f"hostd: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
