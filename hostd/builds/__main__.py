"""``python -m hostd.builds SPEC``: one install, as supervisord runs it."""

import sys

from hostd.builds.oneshot import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
