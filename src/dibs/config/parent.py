"""The parent of what ``dibs up`` runs, and the tie that ends the children when the parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

_log = structlog.get_logger()

#: Seconds before a child that died is started again: doubled each time, up to the last, and forgotten after a quiet minute.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_QUIET = 60.0
#: Seconds the children have to finish what they are doing before they are killed.
_PATIENCE = 8.0


#: What a child that is held is told at the end of its command, and what it reads from its standard input once it may begin.
_HELD, _BEGIN = "--held", b"."


@dataclass(slots=True)
class Child:
    """A process that is to run: ``python -m module arguments``."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = _FIRST_PAUSE

    def start(self, now: float, *, held: bool = False) -> None:
        # A session of its own: Ctrl-C reaches the parent alone, which stops the children in order.
        command = [sys.executable, "-m", self.module, *self.arguments, *([_HELD] if held else ())]
        stdin = subprocess.PIPE if held else subprocess.DEVNULL
        self.process = subprocess.Popen(command, start_new_session=True, stdin=stdin)
        self.started_at = now

    def begin(self) -> None:
        """Tell a child that was held that it may. One that has died is found by the next look, and started again."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(BrokenPipeError), self.process.stdin as told:
                told.write(_BEGIN)


@dataclass
class Parent:
    """Runs the children until told to stop. ``each_second`` is called about once a second meanwhile."""

    children: list[Child]
    each_second: Callable[[], None] = lambda: None
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self, *, held: bool = False) -> None:
        """``held``: they read what they are made of and wait there, until `begin`: they look at no database and answer nobody."""
        now = time.monotonic()
        for child in self.children:
            child.start(now, held=held)

    def begin(self) -> None:
        for child in self.children:
            child.begin()

    def stop(self) -> None:
        """Have `run` return; may be called from a signal's handler and from other threads."""
        self._stop.set()

    def run(self) -> None:
        """Look after the children until `stop`; then end them, gently first."""
        next_second = time.monotonic()
        try:
            while not self._stop.wait(0.1):
                now = time.monotonic()
                self.look(now)
                if now >= next_second:
                    next_second = now + 1
                    self.each_second()
        finally:
            self._end()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def look(self, now: float) -> None:
        """One look at each child: start again, after its pause, what has died. ``now`` in seconds of any one clock."""
        for child in self.children:
            if child.process is None:
                if now >= child.start_at:
                    child.start(now)
            elif (code := child.process.poll()) is not None:
                if now - child.started_at > _QUIET:
                    child.pause = _FIRST_PAUSE
                _log.error("child_died", child=child.name, code=code, again_in_seconds=child.pause)
                child.process = None
                child.start_at = now + child.pause
                child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def _end(self) -> None:
        running = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + _PATIENCE
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its whole session: what it started goes with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def await_beginning(arguments: list[str]) -> list[str]:
    """In a child that is held, wait until its parent says that it may begin; if the parent ends instead, so does this process.
    Returns its arguments, without that they said so."""
    if arguments[-1:] != [_HELD]:
        return arguments
    if sys.stdin.buffer.read(len(_BEGIN)) != _BEGIN:
        sys.exit()
    return arguments[:-1]


def follow_parent() -> None:
    """End this process soon after its parent has ended, however that ended. Starts a thread."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE)
        os._exit(1)

    threading.Thread(target=watch, name="dibs-follow-parent", daemon=True).start()
