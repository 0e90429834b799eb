"""What Dibs logs, and what it must not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.running import PATIENCE, environment

SAYS = """
import logging
import sys
import structlog
from dibs.config import logs

def connect(password):
    who = {"phone": password}
    raise RuntimeError("it broke")

logs.set_up(json=sys.argv[1] == "json", level="INFO")
for log in (structlog.get_logger("ours"), logging.getLogger("a library's")):
    try:
        connect("S3" + "CRET")
    except RuntimeError:
        log.exception("this went wrong")
"""


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_traceback_is_logged_without_what_the_variables_held(kind: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SAYS, kind],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert told.stderr.count("this went wrong") == 2
    assert told.stderr.count("RuntimeError: it broke") == 2
    assert "in connect" in told.stderr
    assert "S3CRET" not in told.stderr
