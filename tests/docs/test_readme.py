"""The README's commands are run as they stand there, on a sample workspace, against a running Dibs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.running import PATIENCE, Up

ROOT = Path(__file__).parents[2]


def _script(url: str) -> str:
    """All blocks of shell but those for make, with this Python's dibs and this server's address."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    script = "\n".join(block for block in blocks if not block.startswith("make "))
    assert ".venv/bin/dibs" in script
    # A policy that differs is what `diff` is to find.
    script = re.sub(r"^(.*policy diff .*)$", r"{ \1 || test $? = 1; }", script, flags=re.MULTILINE)
    script = script.replace("curl ", "curl --fail-with-body -sS ")
    return script.replace(".venv/bin/dibs", f"{sys.executable} -m dibs.cli.main").replace("http://127.0.0.1:8000", url)


@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_readme_works(running_dibs: Up, database_url: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "DIBS_DATA": str(tmp_path),
        "PYTHONPATH": str(ROOT / "src"),
    }
    dibs = [sys.executable, "-m", "dibs.cli.main"]
    subprocess.run([*dibs, "demo"], env=environment, check=True, timeout=PATIENCE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _script(running_dibs.url)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unchanged  10" in done.stdout  # the second import
    assert "was the first rule that matched" in done.stdout  # explain
    assert '"outcome":"placed"' in done.stdout  # the lead sent by API
