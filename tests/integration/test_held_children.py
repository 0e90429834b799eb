"""Children that have read what they are made of wait for a word of their parent before they begin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dibs.config.parent import Child, Parent
from tests.running import PATIENCE, wait_for

#: A child that says with which arguments it has begun.
SMALL = """
import sys
from pathlib import Path
from dibs.config.parent import await_beginning

arguments = await_beginning(sys.argv[1:])
Path(arguments[0]).with_suffix(".begun").write_text(" ".join(arguments))
Path(arguments[0]).with_suffix(".begun").rename(arguments[0])
sys.stdin.read()
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.py").write_text(SMALL)
    monkeypatch.chdir(tmp_path)  # where `python -m` looks first
    return tmp_path / "said"


@pytest.fixture
def parent(said: Path) -> Iterator[Parent]:
    family = Parent([Child("small", "small", (str(said),))])
    yield family
    family.stop()
    family.run()
    for child in family.children:
        assert child.process is None or child.process.poll() is not None


def test_it_begins_once_it_is_told(parent: Parent, said: Path) -> None:
    parent.start(held=True)
    assert not said.exists()
    parent.begin()
    wait_for(said.exists)
    assert said.read_text() == str(said)


def test_it_begins_at_once_where_nobody_holds_it(parent: Parent, said: Path) -> None:
    parent.start()
    wait_for(said.exists)
    assert said.read_text() == str(said)


def test_it_ends_without_having_begun_where_its_parent_has_ended(parent: Parent, said: Path) -> None:
    parent.start(held=True)
    process = parent.children[0].process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
    assert not said.exists()


def test_one_that_died_while_it_was_held_is_started_again(parent: Parent, said: Path) -> None:
    parent.start(held=True)
    process = parent.children[0].process
    assert process is not None
    process.kill()
    process.wait(PATIENCE)
    parent.begin()

    def begun() -> bool:
        parent.look(time.monotonic())
        return said.exists()

    wait_for(begun)
