"""What a process is given of our environment that reads what came from outside: a calendar, a workbook, a file of leads.

Such a process starts, reads and tells; it logs in nowhere. So it gets what Python needs to start and to name files, and neither the
database's address nor a key. That keeps them from what goes wrong while it reads; it is no lock: it runs as the same user of the system.
"""

from __future__ import annotations

import os
import sys

#: Where the system's libraries are, how files are named, where to put what is unpacked, and the clock's zone.
_NEEDED = frozenset({"LD_LIBRARY_PATH", "LANG", "TMPDIR", "TZ"})


def bare_environment() -> dict[str, str]:
    """The environment of a Python process of ours that needs no secret: it finds the modules that this one finds, and no others."""
    kept = {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(("LC_", "PYTHON"))}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {**kept, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
