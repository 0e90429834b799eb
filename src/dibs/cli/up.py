"""``dibs up``: everything of Dibs under one parent, until Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import IO

import click

from dibs.cli.database import connected, tell
from dibs.config.database import Trouble, data_folder
from dibs.config.embedded import Lease, opened, prepare
from dibs.config.parent import Child, Parent

_STARTING = 180.0  # seconds in which web and stream have to answer, on whatever machine
#: What this machine calls itself. A page of elsewhere whose name was made to mean this machine comes by that name.
_HERE = ("localhost", "127.0.0.1", "[::1]")
_DATABASE_GONE = 5.0  # seconds without the embedded database before it is started again


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for all.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65534), help="The live stream takes the next one."
)
@click.option("--no-demo", is_flag=True, help="Start a new installation empty, without the sample workspace.")
def up(host: str, port: int, no_demo: bool) -> None:
    """Start Dibs: web, live stream and worker, and the embedded database unless DATABASE_URL names one.

    A new installation is filled with a sample workspace. Ctrl-C stops everything.
    """
    data = data_folder()
    began = time.monotonic()
    with _only_one(data) as note, _ending_on_signals(), ExitStack() as held:
        port = _free_port(host, port)
        for ours in (port, port + 1):
            _hold(host, ours, held)
        os.environ["DIBS_STREAM_PORT"] = str(port + 1)
        if _is_loopback(host):
            os.environ.setdefault("DIBS_HOSTS", ",".join(dict.fromkeys([*_HERE, _bracketed(host)])))
        with connected(new=True) as lease:
            address = f"http://{_shown(host)}:{port}"
            os.environ.setdefault("DIBS_URL", address)
            parent = Parent(
                [
                    Child("web", "dibs.config.serving", ("web", host, str(port))),
                    Child("stream", "dibs.config.serving", ("stream", host, str(port + 1))),
                    Child("worker", "dibs.config.serving", ("worker",)),
                ],
                each_second=_keep_database(lease),
            )
            try:
                with _stopping_if_it_fails(parent):
                    # What they are made of they read meanwhile: it is half of a start.
                    parent.start(held=True)
                    said = _first_leads(empty=no_demo, option=f" --data {data}" if lease else "")
                    _close_connections()
                    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                        signal.signal(number, lambda *_: parent.stop())
                parent.begin()
                if _answers(parent, [f"{address}/readyz", f"http://{_shown(host)}:{port + 1}/healthz"]):
                    json.dump({"pid": os.getpid(), "url": address}, note)
                    note.flush()
                    _greet(address, said, time.monotonic() - began)
            finally:
                parent.run()
                tell("Stopping")
                if lease is not None:
                    lease.release(wait=True)


@contextmanager
def _stopping_if_it_fails(parent: Parent) -> Iterator[None]:
    try:
        yield
    except BaseException:
        parent.stop()
        raise


class _Ended(SystemExit):
    """A signal to stop came while starting."""


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """While starting, SIGTERM ends like Ctrl-C does: through every ``finally``."""

    def end(number: int, frame: object) -> None:
        raise _Ended(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _only_one(data: Path) -> Iterator[IO[str]]:
    """Be the only ``dibs up`` of this data folder. Raises `Trouble` naming the other."""
    prepare(data)
    with opened(data / "up") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                other = json.loads((data / "up").read_text())
            except ValueError:
                raise Trouble(f"Another dibs up is starting on the data folder {data} just now.") from None
            raise Trouble(
                f"Dibs is running on the data folder {data} already: {other['url']} (process {other['pid']}). "
                "Use that, stop it with Ctrl-C or kill, or choose another folder with --data."
            ) from None
        file.truncate(0)
        yield file
        file.truncate(0)


def _free_port(host: str, port: int) -> int:
    """Make sure that the port and the next are free; with 0, find two. Raises `Trouble`."""
    if port == 0:
        for _ in range(50):
            with socket.socket(_family(host)) as probe:
                probe.bind((host, 0))
                found: int = probe.getsockname()[1]
            if found < 65535 and _is_free(host, found) and _is_free(host, found + 1):
                return found
        raise Trouble("No two free ports in a row were found. Name one with --port.")
    for wanted, what in ((port, "the pages and the API"), (port + 1, "the live stream")):
        if not _is_free(host, wanted):
            raise Trouble(
                f"Port {wanted}, for {what}, is taken by another program. Stop it, or choose another: "
                f"dibs up --port {8100 if port != 8100 else 8200}"
            )
    return port


def _hold(host: str, port: int, held: ExitStack) -> None:
    """Keep a port from others until our servers listen there, and while they start again: a sample takes a while to fill. Servers of Dibs
    share a port with others of the same user (``SO_REUSEPORT``), so that another Dibs, looking meanwhile, would take half of our readers.
    """
    if sys.platform != "linux":
        return  # Elsewhere this might keep our own servers from it.
    holder = held.enter_context(socket.socket(_family(host)))
    # Bound and not listening: nobody is connected to it. And not SO_REUSEADDR, with which whoever looks would find the port free.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # What another program left of its connections is in the way for a minute, and not in the way of our servers.
    with suppress(OSError):
        holder.bind((host, port))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Trouble(
                f"Port {port} may not be used by this user. Choose one from 1024 up: dibs up --port 8000"
            ) from None
        except socket.gaierror:
            raise Trouble(
                f"{host!r} is no address of this machine. Usual ones: 127.0.0.1 (here only), 0.0.0.0 (all)"
            ) from None
        except OSError as problem:
            if "assign" in (problem.strerror or ""):
                raise Trouble(
                    f"{host!r} is no address of this machine. Usual: 127.0.0.1 (here only), 0.0.0.0 (all)"
                ) from None
            return False
    return True


def _first_leads(*, empty: bool, option: str) -> str:
    """Make a new installation's workspace: a sample one, unless it is to start empty. Returns what to say about logging in."""
    from django.utils.timezone import now

    from dibs.cli.demo import SLUG, fill_sample, said_logins
    from dibs.distribution.joining import first_workspace
    from dibs.people.models import Workspace

    if not Workspace.objects.exists():
        if empty:
            first_workspace()
        else:
            tell("Filling the sample workspace (once)")
            fill_sample(now())
    if Workspace.objects.filter(slug=SLUG).exists():
        return said_logins()
    return f"Add people with: dibs user add EMAIL --name NAME --role ops{option}"


def _close_connections() -> None:
    """The parent asks the database nothing more."""
    from django.db import connections

    connections.close_all()


def _keep_database(lease: Lease | None) -> Callable[[], None]:
    """Something to call once a second: starts the embedded database again when it has been gone for a while."""
    gone_since: list[float] = []

    def look() -> None:
        if lease is None or lease.is_running():
            gone_since.clear()
            return
        gone_since[:] = gone_since or [time.monotonic()]
        if time.monotonic() - gone_since[0] >= _DATABASE_GONE:
            tell("The database has ended; starting it again")
            try:
                lease.ensure_running(tell)
            except Trouble as trouble:
                tell(f"Error: {trouble}")
            gone_since.clear()

    return look


def _answers(parent: Parent, urls: list[str]) -> bool:
    """Wait until every address answers 200. ``False`` if told to stop meanwhile; `Trouble` if it takes too long."""
    until = time.monotonic() + _STARTING
    while urls and not parent.stopping:
        parent.look(time.monotonic())
        try:
            with urllib.request.urlopen(urls[0], timeout=10):  # noqa: S310 (our own address)
                urls = urls[1:]
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                parent.stop()
                raise Trouble(f"{urls[0]} did not answer within {_STARTING:.0f} s; the lines above say why.") from None
            time.sleep(0.03)
    return not parent.stopping


def _shown(host: str) -> str:
    """The host as a browser on this machine reaches it."""
    every = {"0.0.0.0": "localhost", "::": "[::1]"}  # noqa: S104 (somebody asked for it)
    return every.get(host) or _bracketed(host)


def _bracketed(host: str) -> str:
    """As a host is written before a port."""
    return f"[{host}]" if ":" in host else host


def _greet(address: str, said: str, seconds: float) -> None:
    click.echo(f"\nDibs is up at {address} (in {seconds:.1f} s). Ctrl-C stops it.\n\n{said}\n")
