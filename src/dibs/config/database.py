"""Where the database is: at ``DATABASE_URL``, or embedded in the data folder. Needs no Django."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

#: The role and the database that Dibs makes in its embedded server. The role is no superuser, so that row-level security binds.
ROLE = "dibs"
NAME = "dibs"
#: The embedded server listens at no port; the number is part of its socket's name.
PORT = 5432


class Trouble(Exception):
    """Something the person at the keyboard can put right. The message says what was wrong, where, and what to do."""


def data_folder() -> Path:
    """``DIBS_DATA``, or ``~/.local/share/dibs``; as root ``/var/lib/dibs``, since the server then runs as a user of its own."""
    if given := os.environ.get("DIBS_DATA"):
        return Path(given).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/dibs")
    share = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(share).expanduser() / "dibs"


def django_database(url: str) -> dict[str, Any]:
    """Django's settings for one database, from ``postgres://user:password@host:port/name?option=value``.

    A socket's folder is written ``?host=/folder``, or percent-encoded as the host. Other options go to libpq as they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise Trouble(
            f"DATABASE_URL starts with {parts.scheme or 'no scheme'!r}. Dibs runs on PostgreSQL only: "
            "postgres://user:password@host:5432/name"
        )
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    try:
        port = parts.port
    except ValueError:
        raise Trouble("DATABASE_URL has a port that is no number from 0 to 65535.") from None
    return _with_our_ways(
        {
            "NAME": unquote(parts.path.lstrip("/")) or NAME,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": options.pop("host", "") or _host(parts.netloc),
            "PORT": str(port or options.pop("port", "")),
            "OPTIONS": options,
        }
    )


def libpq_database() -> dict[str, Any]:
    """Django's settings from libpq's own variables (``PGHOST`` and the like), else for the data folder's embedded server."""
    from dibs.config.embedded import Cluster

    host = os.environ.get("PGHOST")
    return _with_our_ways(
        {
            "NAME": os.environ.get("PGDATABASE", NAME),
            "USER": os.environ.get("PGUSER", ROLE),
            "PASSWORD": os.environ.get("PGPASSWORD", ""),
            "HOST": host or str(Cluster(data_folder()).socket_folder),
            "PORT": os.environ.get("PGPORT", "") if host else str(PORT),
            "OPTIONS": {},
        }
    )


def socket_url(folder: Path, role: str = ROLE, name: str = NAME) -> str:
    """The URL of a database behind a socket in ``folder``; with its port, for ``PGPORT`` may name another server's."""
    return f"postgres://{role}@/{name}?host={quote(str(folder), safe='')}&port={PORT}"


def _host(netloc: str) -> str:
    """The host as it was written: ``urlsplit`` would lower its letters, which matter in a socket's folder."""
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return unquote(host.partition(":")[0])


def _with_our_ways(database: dict[str, Any]) -> dict[str, Any]:
    """How Dibs talks to PostgreSQL: parameters bound by the server and every statement prepared at first sight, together
    worth a third of a claim's cost; one connection a thread, kept, and looked at (without a round trip) before each request.
    """
    return database | {
        "ENGINE": "dibs.config.postgres",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "server_side_binding": True,
            "prepare_threshold": 0,
            "connect_timeout": 5,
            "application_name": "dibs",
        }
        | database["OPTIONS"],
    }
