"""The database under a command: found or started, migrated, and Django set up on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from dibs.config.database import Trouble, data_folder
from dibs.config.embedded import Cluster, Lease, prepare
from dibs.config.key import secret_key

#: An arbitrary number that all of Dibs agrees on: who holds this advisory lock migrates.
_MIGRATING = 4027195


def tell(text: str) -> None:
    """A line about what takes long, to standard error: standard output is for results."""
    click.echo(text, err=True)


@contextmanager
def connected(*, migrate: bool = True, new: bool = False) -> Iterator[Lease | None]:
    """Work with the database: the one at ``DATABASE_URL``, else the embedded one of the data folder, started if need be.

    ``new``: make what is not there yet. Without it a folder that holds no Dibs is `Trouble`: its name may be a slip.
    Gives the lease on the embedded server, or ``None`` where the database is somebody else's to run.
    """
    data = data_folder()
    lease: Lease | None = None
    if not os.environ.get("DATABASE_URL"):
        if not new:
            _make_sure_it_is_there(data)
        lease = Lease(data, tell)
        os.environ["DATABASE_URL"] = lease.url
    elif new and not os.environ.get("DIBS_SECRET_KEY"):
        prepare(data)
    try:
        # Without a key of the folder, the settings make one that lasts as long as this command.
        if new or lease is not None or (data / "secret_key").exists():
            os.environ.setdefault("DIBS_SECRET_KEY", _key(data))
        set_up()
        if migrate:
            bring_up_to_date()
        yield lease
    finally:
        if lease is not None:
            del os.environ["DATABASE_URL"]
            lease.release()


def _make_sure_it_is_there(data: Path) -> None:
    try:
        if Cluster(data).is_there():
            return
    except OSError:
        return  # nothing that we may look into: the lease says what is wrong with the folder
    raise Trouble(
        f"There is no Dibs in the data folder {data}. If that is the wrong folder, name the right one with --data DIR or "
        f"DIBS_DATA. To make one there: dibs up --data {data}, or dibs user add EMAIL --role ops --data {data}"
    )


def _key(data: Path) -> str:
    return os.environ.get("DIBS_SECRET_KEY") or secret_key(data)


def set_up() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dibs.config.settings")
    django.setup()


def bring_up_to_date() -> None:
    """Apply the migrations that the database lacks. Commands that come at once wait for the one that migrates.

    Raises `Trouble` if the database was written by a newer Dibs.
    """
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.recorder import MigrationRecorder

    def lacking() -> bool:
        executor = MigrationExecutor(connection)
        known = set(executor.loader.disk_migrations)
        newer = [
            f"{app}.{name}"
            for app, name in MigrationRecorder(connection).applied_migrations()
            if (app, name) not in known
        ]
        if newer:
            raise Trouble(
                f"This database was written by another version of Dibs: it has {', '.join(sorted(newer))}, which this one "
                "does not know. Use that version, or another database."
            )
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    if not lacking():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            if lacking():
                tell("Bringing the database up to date")
                call_command("migrate", interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
