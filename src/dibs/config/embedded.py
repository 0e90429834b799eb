"""The PostgreSQL that Dibs carries, for whoever has none: one server for a data folder, shared by web, worker and commands.

Everybody who uses the server holds a shared lock on the folder's ``lease`` file for as long as they live; the operating
system lets go of it however they end. The first to find no server starts a *keeper* (`dibs.config.keeper`), a process of its
own that starts the server, watches over it, and stops it when nobody holds the lease any more. There can be only one keeper: it
holds the lock on ``keeper``. Locks are the kernel's (``flock``), so they hold between containers on one machine too, where
process ids mean nothing. Needs no Django.

The server listens on a socket only and trusts whoever can reach it: the folder's permissions are the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from dibs.config.database import NAME, PORT, Trouble, data_folder, socket_url

#: A socket's whole path, in bytes; the kernel takes 108 with the closing zero.
_SOCKET_PATH_LIMIT = 107
_SOCKET_NAME = f".s.PGSQL.{PORT}"
#: The user that the server runs as where Dibs itself is root: PostgreSQL refuses to be root.
SYSTEM_USER = "dibs"


@dataclass(frozen=True)
class Cluster:
    """The places in one data folder."""

    data: Path

    @property
    def folder(self) -> Path:
        """PostgreSQL's own folder."""
        return self.data / "postgres"

    @property
    def log(self) -> Path:
        return self.data / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: in the data folder, or, if that path is too long for one, in a short one made from its name.

        libpq reads a comma as "the next host", so a path with one counts as too long.
        """
        inside = self.data / "run"
        if len(os.fsencode(inside / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT and "," not in str(inside):
            return inside
        mark = hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:16]
        return Path("/tmp") / f"dibs-{os.geteuid()}-{mark}"  # noqa: S108 (made 0700, and its owner is looked at)

    def is_there(self) -> bool:
        """Whether there is a server's folder, or somebody is making one just now. Makes nothing itself."""
        if self.folder.exists():
            return True
        try:
            with open(self.data / "keeper") as file:
                return not _free(file, fcntl.LOCK_EX)
        except FileNotFoundError:
            return False

    def url(self, role: str = "dibs", name: str = NAME) -> str:
        return socket_url(self.socket_folder, role, name)


def prepare(data: Path) -> None:
    """Make the data folder if there is none, and make sure that it can be written.

    Raises `Trouble` if it can't.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except NotADirectoryError:
        raise Trouble(f"The data folder {data} can't be made: part of that path is a file.") from None
    except FileExistsError:
        raise Trouble(f"The data folder {data} is a file. Name a folder: dibs --data DIR, or DIBS_DATA.") from None
    except OSError as problem:
        raise Trouble(
            f"The data folder {data} can't be written: {problem.strerror}. "
            "Give this user the right to write there, or name another: dibs --data DIR, or DIBS_DATA."
        ) from None


class Lease:
    """A use of the server. The server runs at least until `release`, or until this process ends.

    ``tell`` is called with a sentence whenever something takes long.
    """

    def __init__(self, data: Path | None = None, tell: Callable[[str], None] = lambda _: None) -> None:
        self.cluster = Cluster((data or data_folder()).absolute())
        prepare(self.cluster.data)
        self._lease = _locked(self.cluster.data / "lease", fcntl.LOCK_SH)
        try:
            self.ensure_running(tell)
        except BaseException:
            self._lease.close()
            raise

    @property
    def url(self) -> str:
        return self.cluster.url()

    def ensure_running(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Have the server running, starting it if it is not, and wait until it answers: also through a long recovery.

        Raises `Trouble` if it can't start; the server's log is named in it.
        """
        with _locked(self.cluster.data / "starting", fcntl.LOCK_EX):
            if self.is_running():
                self._wait_for_answer(tell)
                return
            self._start_keeper(tell)

    def is_running(self) -> bool:
        """Whether the server runs, or is starting or stopping: whether it has a keeper."""
        with opened(self.cluster.data / "keeper") as file:
            return not _free(file, fcntl.LOCK_EX)

    def _start_keeper(self, tell: Callable[[str], None]) -> None:
        command = [sys.executable, "-m", "dibs.config.keeper", str(self.cluster.data)]
        keeper = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=open(self.cluster.data / "keeper.log", "a"),  # noqa: SIM115
            start_new_session=True,  # Ctrl-C is for us, not for the server
            cwd="/",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            text=True,
        )
        said = keeper.stdout
        assert said is not None
        for line in said:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ready":
                # It outlives us on purpose.
                keeper.returncode = 0
                said.close()
                return
            if word == "failed":
                raise Trouble(rest.replace("\\n", "\n"))
            tell(rest)
        log = self.cluster.data / "keeper.log"
        end = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise Trouble(f"The database's keeper ended before the server was up: {end} (see {log})")

    def _wait_for_answer(self, tell: Callable[[str], None]) -> None:
        import psycopg

        began = time.monotonic()
        told = 0
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=10).close()
            except psycopg.OperationalError:
                if not self.is_running():
                    # It gave up while we waited. Whoever holds the lease may start another.
                    self._start_keeper(tell)
                    return
            else:
                return
            waited = int(time.monotonic() - began)
            if waited >= told + 5:
                told = waited
                tell(f"Waiting for the database to recover ({waited} s)")
            time.sleep(0.05)

    def release(self, *, wait: bool = False) -> None:
        """Let go. With ``wait``, return when the server has stopped, or at once if others use it."""
        if self._lease.closed:
            return
        self._lease.close()
        if not wait:
            return
        with opened(self.cluster.data / "lease") as file:
            while self.is_running():
                if not _free(file, fcntl.LOCK_EX) and _free(file, fcntl.LOCK_SH):
                    return  # shared with others; were the keeper stopping the server, it would hold the lock alone
                time.sleep(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def opened(path: Path) -> IO[str]:
    return open(path, "a", opener=lambda name, flags: os.open(name, flags, 0o600))


def _locked(path: Path, how: int) -> IO[str]:
    """Open a lock file and wait for its lock. Closing it, or ending, lets go."""
    file = opened(path)
    fcntl.flock(file, how)
    return file


def _free(file: IO[str], how: int) -> bool:
    """Whether the lock could be had just now."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
