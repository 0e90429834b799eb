"""What a process is given of our environment that reads what came from outside, a calendar, a workbook, a file of leads, or that runs as
another user of the system, the embedded PostgreSQL.

Such a process logs in nowhere. So it gets what it needs to start and to name files, and neither the database's address nor a key. That
keeps them from what goes wrong while it reads; where it runs as the same user of the system it is no lock.
"""

from __future__ import annotations

import os
import sys

#: Where the system's libraries are, how files are named, where to put what is unpacked, and the clock's zone.
_NEEDED = frozenset({"LD_LIBRARY_PATH", "LANG", "TMPDIR", "TZ"})


def bare_environment() -> dict[str, str]:
    """The environment of a process of ours that needs no secret; one of Python finds the modules that this one finds, and no others."""
    kept = {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(("LC_", "PYTHON"))}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {**kept, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
