"""``dibs doctor``: is everything there that Dibs needs, and is it well?"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import click

import dibs
from dibs.cli.database import connected
from dibs.config.database import Trouble, data_folder
from dibs.config.embedded import Cluster, prepare

#: Gigabytes free below which the doctor warns.
_ROOM = 2.0
_POSTGRES = range(15, 19)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``state`` is ``well``, ``watch`` (works, but read this) or ``ill``."""

    what: str
    state: str
    said: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def doctor(as_json: bool) -> None:
    """Look whether everything Dibs needs is there and well. Exit code 1 if something is ill."""
    findings = examine()
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        marks = {
            "well": click.style("well ", fg="green"),
            "watch": click.style("watch", fg="yellow"),
            "ill": click.style("ill  ", fg="red"),
        }
        for finding in findings:
            click.echo(f"{marks[finding.state]}  {finding.what}: {finding.said}")
    if any(finding.state == "ill" for finding in findings):
        sys.exit(1)


def examine() -> list[Finding]:
    """Everything the doctor looks at, in order. What depends on something ill is left out."""
    findings = [
        Finding(
            "Dibs",
            "well",
            f"{dibs.__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        ),
        _looked("Data folder", _folder),
    ]
    if findings[-1].state == "ill":
        return findings
    findings.append(_looked("Database", _place))
    try:
        with connected(migrate=False, new=True):
            for what, look in _ON_DATABASE.items():
                findings.append(_looked(what, look))
                if what == "Server" and findings[-1].state == "ill":
                    break
    except Trouble as trouble:
        findings.append(Finding("Database", "ill", str(trouble)))
    return findings


def _looked(what: str, look: Callable[[], tuple[str, str]]) -> Finding:
    try:
        state, said = look()
    except Exception as problem:
        return Finding(what, "ill", " ".join(str(problem).split()) or type(problem).__name__)
    return Finding(what, state, said)


def _folder() -> tuple[str, str]:
    data = data_folder()
    prepare(data)
    free = shutil.disk_usage(data).free / 1e9
    said = f"{data}, {free:.1f} GB free"
    return ("well", said) if free >= _ROOM else ("watch", f"{said}: make room before the disk is full")


def _place() -> tuple[str, str]:
    if url := os.environ.get("DATABASE_URL"):
        parts = urlsplit(url)
        return "well", f"from DATABASE_URL, {parts.hostname or 'a socket'}{parts.path}"
    cluster = Cluster(data_folder())
    return "well", f"embedded, in {cluster.folder}, its log in {cluster.log}"


def _server() -> tuple[str, str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('max_connections')"
        )
        version, fsync, connections = cursor.fetchone()
    said = f"PostgreSQL {version}, up to {connections} connections"
    if int(version.split(".")[0]) not in _POSTGRES:
        return "watch", f"{said}; Dibs is tested on {_POSTGRES[0]} to {_POSTGRES[-1]}"
    return ("well", said) if fsync == "on" else ("watch", f"{said}; fsync is off: a power cut loses claims")


def _isolation() -> tuple[str, str]:
    """Row-level security does not bind a superuser, nor a role that is told to bypass it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        role, unbound = cursor.fetchone()
    if unbound:
        return (
            "ill",
            f"the role {role} passes by row-level security; connect as one that is no superuser and has no BYPASSRLS",
        )
    return "well", f"the role {role} is bound by row-level security"


def _migrations() -> tuple[str, str]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    lacking = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if lacking:
        return "watch", f"{len(lacking)} migrations to apply; the next dibs up does"
    return "well", "up to date"


def _time() -> tuple[str, str]:
    """Locks and offers run out by the clock of whoever looks, so the clocks should agree."""
    from django.db import connection
    from django.utils.timezone import now

    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs((cursor.fetchone()[0] - now()).total_seconds())
    return ("well" if apart < 2 else "watch"), f"this machine and the database are {apart:.1f} s apart"


def _work() -> tuple[str, str]:
    from django.db import connection

    from dibs.people.models import Workspace
    from dibs.people.tenancy import within

    late = 0.0
    workspaces = list(Workspace.objects.all())
    for workspace in workspaces:
        with within(workspace.id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0) FROM crm_lead"
                " WHERE workspace_id = %s AND due_at <= now()",
                [workspace.id],
            )
            late = max(late, float(cursor.fetchone()[0]))
    said = f"{len(workspaces)} workspace{'s' if len(workspaces) != 1 else ''}"
    if late > 60:
        return (
            "watch",
            f"{said}; leads have been due for {late / 60:.0f} min: no worker is running (dibs up starts one)",
        )
    return "well", f"{said}, nothing overdue"


def _mail() -> tuple[str, str]:
    """Whether mails to leads leave the house, their links lead back here, and none is stuck."""
    from django.conf import settings
    from django.core.mail import get_connection
    from django.db import connection
    from django.utils.timezone import now

    from dibs.distribution import policies
    from dibs.people.models import Workspace
    from dibs.people.tenancy import within

    sequences = failed = late = 0
    for workspace in Workspace.objects.all():
        with within(workspace.id), connection.cursor() as cursor:
            active = policies.active(workspace.id)
            sequences += len(active.book.policy.nurture.sequences) if active else 0
            cursor.execute(
                "SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'waiting' AND send_at < %s - interval '10 minutes')"
                " FROM delivery_mail WHERE workspace_id = %s AND state IN ('failed', 'waiting')",
                [now(), workspace.id],
            )
            counted = cursor.fetchone()
            failed, late = failed + counted[0], late + counted[1]
    if not settings.EMAIL_HOST:
        said = f"no mail server is named (DIBS_SMTP_HOST): mails are laid down in {settings.EMAIL_FILE_PATH}"
        return ("watch" if sequences else "well"), said
    server = get_connection(fail_silently=False)
    try:
        server.open()
    except OSError as problem:
        return "ill", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} does not take mails: {problem}"
    finally:
        server.close()
    said = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} answers"
    if failed or late:
        return "watch", f"{said}; {failed} mails failed, {late} are late: see the page Nurture"
    if sequences and not settings.PUBLIC_URL.startswith("https://"):
        return (
            "watch",
            f"{said}; readers unsubscribe at {settings.PUBLIC_URL}: name the address that they reach with DIBS_URL",
        )
    return "well", said


_ON_DATABASE: dict[str, Callable[[], tuple[str, str]]] = {
    "Server": _server,
    "Isolation": _isolation,
    "Migrations": _migrations,
    "Clock": _time,
    "Work": _work,
    "Mail": _mail,
}
