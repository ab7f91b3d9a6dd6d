"""Why an install, a start or a first page failed: from exit codes and logs to a failure that people can use.

Messages hold no path of the machine and no password; the log's last lines, which go along, may.
"""

from hostd.diagnosis.installs import install_failure
from hostd.diagnosis.raised import blames_dependencies
from hostd.diagnosis.starts import first_page_failure, start_failure

__all__ = ["blames_dependencies", "first_page_failure", "install_failure", "start_failure"]
