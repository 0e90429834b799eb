"""``dibs policy``: check policies, compare them, publish or announce them and go back. Problems are told as FILE:LINE:COLUMN."""

from __future__ import annotations

import difflib
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from dibs.cli.borders import borders
from dibs.cli.policy_files import refuse, tell_problems, text_of
from dibs.cli.trying import compare, try_lead_on
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.distribution.models import PolicyVersion
    from dibs.engine.policy import Checked, Problem
    from dibs.people.models import User, Workspace

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_by_option = click.option("--by", metavar="EMAIL", help="Who publishes it, for the record.")
_from_option = click.option(
    "--effective-from",
    "effective_from",
    metavar="MOMENT",
    help="From when it counts: 2026-12-01T09:00, in the workspace's time zone unless it says another, or a span ahead such as 3d. "
    "Until then it is announced: reps whose rules change are told.",
)
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))


@click.group()
def policy() -> None:
    """Check, try, compare, publish, announce and roll back policies."""


policy.add_command(try_lead_on)
policy.add_command(compare)
policy.add_command(borders)


@policy.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--people", is_flag=True, help="Look too whether the workspace has the teams and reps that are named.")
@workspace_option
@_json_option
def check(files: tuple[str, ...], people: bool, workspace: str | None, as_json: bool) -> None:
    """Look for everything wrong with policies and run their examples.

    Exit codes: 0 they may be published (warnings are told), 1 something is wrong. Needs no database without --people.
    """
    from dibs.engine.policy import check as check_alone

    if not people:
        results = [(file, *_checked(file, check_alone)) for file in files]
    else:
        from dibs.cli.database import connected

        with connected():
            from dibs.distribution import policies
            from dibs.people.tenancy import within

            here = chosen_workspace(workspace)
            with within(here.id):
                results = [(file, *_checked(file, lambda text: policies.check(here.id, text))) for file in files]
    if as_json:
        answers = [_as_json(file, checked) for file, _, checked in results]
        click.echo(json.dumps(answers if len(answers) > 1 else answers[0], ensure_ascii=False))
    else:
        for file, text, checked in results:
            tell_problems(file, text, checked.problems)
            _tell_summary(file, checked)
    if not all(checked.ok for _, _, checked in results):
        sys.exit(1)


@policy.command("diff")
@_file
@click.option(
    "--to", "number", type=click.IntRange(min=1), help="The version to compare with; the active one if none is given."
)
@workspace_option
@_json_option
def diff(file: str, number: int | None, workspace: str | None, as_json: bool) -> None:
    """Show what publishing a file would change.

    Exit codes: 0 nothing (but perhaps comments), 1 it differs, or cannot be read.
    """
    from dibs.cli.database import connected
    from dibs.engine.policy import PolicyRefused, digest, read

    text = text_of(file)
    with connected():
        from dibs.distribution.models import PolicyVersion
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            versions = PolicyVersion.objects.filter(workspace=here)
            found = versions.filter(number=number).first() if number else versions.filter(active=True).first()
    if number and found is None:
        raise click.ClickException(f"There is no policy version {number}. See: dibs policy list")
    try:
        differs = found is None or digest(read(text)) != found.digest
    except PolicyRefused as refused:
        refuse(file, text, refused, as_json)
    before = found.source if found else ""
    name = f"version {found.number}" if found else "nothing"
    lines = list(difflib.unified_diff(before.splitlines(), text.splitlines(), name, file, lineterm=""))
    if as_json:
        click.echo(
            json.dumps({"from": found.number if found else None, "differs": differs, "diff": lines}, ensure_ascii=False)
        )
    else:
        for line in lines:
            colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[0]) if line else None
            click.secho(line, fg=colour)
        if not differs:
            click.echo(f"Means the same as {name}." if lines else f"Is the same as {name}.")
    if differs:
        sys.exit(1)


@policy.command("publish")
@_file
@click.option("--note", default="", help="Why, for those who read the list of versions later.")
@click.option(
    "--move",
    is_flag=True,
    help="As it comes into force, move open leads that its territories give to others. See: dibs policy borders FILE",
)
@_from_option
@_by_option
@workspace_option
@_json_option
def publish(
    file: str, note: str, move: bool, effective_from: str | None, by: str | None, workspace: str | None, as_json: bool
) -> None:
    """Make a file the active policy, or announce it for a moment ahead.

    What was announced before is taken back. Exit codes: 0 published, announced, or so already; 1 refused, and nothing is changed.
    """
    from dibs.cli.database import connected
    from dibs.engine.policy import PolicyRefused

    text = text_of(file)
    with connected():
        from dibs.distribution import policies
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        start = _moment(effective_from, here.timezone)
        with within(here.id):
            told = _Versions(here)
            warnings = [found for found in policies.check(here.id, text).problems if found.severity == "warning"]
            try:
                version = policies.publish(here.id, text, _publisher(here.id, by), note, start, move=move)
            except PolicyRefused as refused:
                refuse(file, text, refused, as_json)
            told.tell(version, warnings, as_json)
    if not as_json:
        tell_problems(file, text, warnings)


@policy.command("rollback")
@click.argument("number", type=click.IntRange(min=1))
@_from_option
@_by_option
@workspace_option
@_json_option
def rollback(number: int, effective_from: str | None, by: str | None, workspace: str | None, as_json: bool) -> None:
    """Publish the text of version NUMBER anew.

    Exit codes: 0 published, announced, or so already; 1 refused, and nothing is changed.
    """
    from dibs.cli.database import connected
    from dibs.engine.policy import PolicyRefused

    with connected():
        from dibs.distribution import policies
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        start = _moment(effective_from, here.timezone)
        with within(here.id):
            told = _Versions(here)
            try:
                version = policies.rollback(here.id, number, _publisher(here.id, by), start)
            except policies.UnknownVersion as unknown:
                raise click.ClickException(
                    f"There is no policy version {unknown.number}. See: dibs policy list"
                ) from None
            except PolicyRefused as refused:
                refuse(f"version {number}", "", refused, as_json)
            told.tell(version, [], as_json)


@policy.command("cancel")
@workspace_option
@_json_option
def cancel(workspace: str | None, as_json: bool) -> None:
    """Take back the policy that is announced. Those who had been told of it are told so.

    Exit codes: 0 taken back; 1 none is announced.
    """
    from dibs.cli.database import connected

    with connected():
        from dibs.distribution import policies
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            version = policies.cancel_pending(here.id)
        if version is None:
            raise click.ClickException("No policy is announced. See: dibs policy list")
    if as_json:
        click.echo(json.dumps({"ok": True, "number": version.number, "name": version.name}, ensure_ascii=False))
    else:
        click.echo(f"Took back “{version.name}”, version {version.number}. What is active stays so.")


@policy.command("list")
@workspace_option
@_json_option
def list_(workspace: str | None, as_json: bool) -> None:
    """List the published versions, newest first: * the active one, > the one that is announced, x one that was taken back."""
    from dibs.cli.database import connected

    with connected():
        from dibs.distribution.models import PolicyVersion
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        with within(here.id):
            versions = [
                {
                    "number": version.number,
                    "name": version.name,
                    "active": version.active,
                    "pending": version.pending,
                    "effective_from": version.effective_from.isoformat(timespec="seconds"),
                    "cancelled_at": version.cancelled_at.isoformat(timespec="seconds")
                    if version.cancelled_at
                    else None,
                    "published_at": version.published_at.isoformat(timespec="seconds"),
                    "published_by": version.published_by.email if version.published_by else None,
                    "note": version.note,
                    "digest": version.digest,
                }
                for version in PolicyVersion.objects.filter(workspace=here)
                .select_related("published_by")
                .order_by("-number")
            ]
    if as_json:
        click.echo(json.dumps(versions, ensure_ascii=False))
        return
    if not versions:
        click.echo("No policy is published yet. See: dibs policy publish FILE")
    for row in versions:
        mark = "*" if row["active"] else ">" if row["pending"] else "x" if row["cancelled_at"] else " "
        by = f" by {row['published_by']}" if row["published_by"] else ""
        start = f"  (from {row['effective_from']})" if row["pending"] else ""
        note = f"  {row['note']}" if row["note"] else ""
        click.echo(f"{mark} {row['number']:>4}  {row['published_at']}{by}  {row['name']}{start}{note}")


@policy.command("schema")
def schema() -> None:
    """Print the JSON Schema of policies, for editors that check while you write."""
    from dibs.engine.policy import schema as schema_of_policies

    click.echo(json.dumps(schema_of_policies(), indent=2))


def _checked(file: str, check_text: Any) -> tuple[str, Checked]:
    text = text_of(file)
    return text, check_text(text)


def _tell_summary(file: str, checked: Checked) -> None:
    errors = sum(found.severity == "error" for found in checked.problems)
    warnings = len(checked.problems) - errors
    held = sum(example.held for example in checked.examples)
    parts = [f"{errors} {'error' if errors == 1 else 'errors'}"] if errors else []
    if checked.examples:
        parts.append(f"{held} of {len(checked.examples)} examples hold")
    elif not errors:
        parts.append("no examples")
    if warnings:
        parts.append(f"{warnings} {'warning' if warnings == 1 else 'warnings'}")
    click.echo(f"{file}: {'ok' if checked.ok else 'refused'} ({', '.join(parts)})")


def _as_json(file: str, checked: Checked) -> dict[str, Any]:
    return {
        "file": file,
        "ok": checked.ok,
        "policy": checked.policy.policy if checked.policy else None,
        "problems": [asdict(found) for found in checked.problems],
        "examples": [
            {"name": example.name, "held": example.held, "expected": example.expected, "came": example.came}
            for example in checked.examples
        ],
    }


class _Versions:
    """What was active and announced before something was published, to say what became of it. The connection must be in the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        from dibs.distribution import policies
        from dibs.distribution.models import PolicyVersion

        versions = PolicyVersion.objects.filter(workspace=workspace)
        self._zone = ZoneInfo(workspace.timezone)
        self._latest = versions.order_by("-number").values_list("number", flat=True).first() or 0
        self._announced = policies.pending(workspace.id)

    def tell(self, version: PolicyVersion, warnings: list[Problem], as_json: bool) -> None:
        """Tell what was published, and what was taken back for it."""
        new = version.number > self._latest
        taken_back = self._announced if new else None
        if as_json:
            answer = {
                "ok": True,
                "number": version.number,
                "name": version.name,
                "digest": version.digest,
                "new": new,
                "pending": version.pending,
                "moves_leads": version.moves_leads,
                "effective_from": version.effective_from.isoformat(timespec="seconds"),
                "taken_back": taken_back.number if taken_back else None,
                "problems": [asdict(found) for found in warnings],
            }
            click.echo(json.dumps(answer, ensure_ascii=False))
            return
        start = f"{version.effective_from.astimezone(self._zone):%Y-%m-%d %H:%M %Z}"
        if not new:
            state = f"is announced for {start}" if version.pending else "is this policy"
            click.echo(f"Nothing changed: version {version.number} {state} already.")
        elif version.pending:
            click.echo(f"Announced “{version.name}” as version {version.number}, from {start}.")
        else:
            click.echo(f"Published “{version.name}” as version {version.number}.")
        if new and version.moves_leads:
            click.echo(
                "Open leads that its territories give to others move as it comes into force. See: dibs move list"
            )
        if taken_back is not None:
            click.echo(f"Version {taken_back.number}, which was announced, is taken back.")


def _moment(text: str | None, timezone: str) -> datetime | None:
    """A moment as it is given on the command line; without a zone of its own it is in this one. Raises `BadParameter`."""
    from pydantic import TypeAdapter, ValidationError

    from dibs.distribution.policies import HORIZON
    from dibs.engine.policy_terms import Duration

    if text is None:
        return None
    moment = None
    with suppress(ValidationError, OverflowError):
        moment = datetime.now(UTC) + TypeAdapter(Duration).validate_python(text)
    with suppress(ValueError, OverflowError):
        given = datetime.fromisoformat(text)
        moment = (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
    if moment is None or moment >= HORIZON:
        raise click.BadParameter(
            f"{text!r} is neither a moment such as 2026-12-01T09:00 nor a span such as 3d.",
            param_hint="--effective-from",
        )
    return moment


def _publisher(workspace_id: Any, email: str | None) -> User | None:
    from dibs.people.models import User

    if email is None:
        return None
    found = User.objects.filter(workspace_id=workspace_id, email__iexact=email).first()
    if found is None:
        raise click.ClickException(f"Nobody here has the address {email}. See: dibs user list")
    return found
