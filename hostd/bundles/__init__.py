"""Bundles: what users sent, checked and laid down as immutable releases, and what apps wrote beside them.

The only room that reads what users sent. ``laying`` makes a release from ``sources`` (archives, files, git,
templates, the tree of before) by way of ``tree``; ``pristine`` keeps it as uploaded; ``written``
finds what an app added to it, ``moving`` moves that on.
"""

from hostd.bundles.diffs import diff
from hostd.bundles.gallery import gallery
from hostd.bundles.git_process import Fetcher
from hostd.bundles.laying import lay_down
from hostd.bundles.leaving import leave_to
from hostd.bundles.moving import Moved, keeps_files, move_written
from hostd.bundles.naming import NAME_LIMIT, check_id, check_name, make_id
from hostd.bundles.pristine import digests, read, read_bytes, read_text, tree
from hostd.bundles.pythons import check_python
from hostd.bundles.releases import numbers, point_at, sweep, venv_owner
from hostd.bundles.requirements import is_pip_syntax, logical_lines, names_streamlit
from hostd.bundles.upload import APP, REQUIREMENTS, GitSource, Limits, Upload, check
from hostd.bundles.written import written_beside

__all__ = [
    "APP",
    "NAME_LIMIT",
    "REQUIREMENTS",
    "Fetcher",
    "GitSource",
    "Limits",
    "Moved",
    "Upload",
    "check",
    "check_id",
    "check_name",
    "check_python",
    "diff",
    "digests",
    "gallery",
    "is_pip_syntax",
    "keeps_files",
    "lay_down",
    "leave_to",
    "logical_lines",
    "make_id",
    "move_written",
    "names_streamlit",
    "numbers",
    "point_at",
    "read",
    "read_bytes",
    "read_text",
    "sweep",
    "tree",
    "venv_owner",
    "written_beside",
]
