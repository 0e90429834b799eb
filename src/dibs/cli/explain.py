"""``dibs explain``: a lead's story, the same that the page and the API tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from datetime import datetime

    from dibs.insight.sight import SeenLead
    from dibs.insight.story import Entry
    from dibs.people.caller import Caller

_LANGUAGES = ("en", "ja", "es", "id")


@click.command()
@click.argument("lead")
@click.option("--language", type=click.Choice(_LANGUAGES), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, as the API's timeline does.")
@workspace_option
def explain(lead: str, language: str, as_json: bool, workspace: str | None) -> None:
    """Tell a lead's story: every decision about it, its reasons, and the policy version.

    LEAD is a lead's id, or its source's id for it (SOURCE:ID where several sources have that id). Exit codes: 0 told, 1
    there is no such lead.
    """
    with connected():
        from django.utils.timezone import now

        from dibs.insight.plain import to_json
        from dibs.insight.story import story_of_seen

        found = _find(lead, language, workspace, now())
        if found is None:
            raise click.ClickException(f"There is no lead {lead}.")
        caller, seen = found
        entries = story_of_seen(caller, seen)
        if as_json:
            items = [entry.as_dict() for entry in entries]
            click.echo(to_json({"lead": {**seen, "hidden": list(seen.hidden)}, "items": items}))
            return
        for line in _told(seen, entries):
            click.echo(line)


def _find(lead: str, language: str, workspace: str | None, now: datetime) -> tuple[Caller, SeenLead] | None:
    """The lead as who runs the server sees it: whole. Looked for in every workspace, unless one is named."""
    from dibs.insight.sight import lead_in_sight
    from dibs.people.caller import operator
    from dibs.people.models import Workspace

    workspaces = [chosen_workspace(workspace)] if workspace else Workspace.objects.order_by("created_at")
    for here in workspaces:
        caller = operator(here.id, here.timezone, "dibs explain", language)
        for lead_id in _ids(caller, lead):
            seen = lead_in_sight(caller, lead_id, now)
            if seen is not None:
                return caller, seen
    return None


def _ids(caller: Caller, lead: str) -> list[UUID]:
    from dibs.insight.leads import known_as

    found = known_as(caller, lead)
    if not found:
        # Sources' own ids can look like ours; what they call a lead goes first.
        with suppress(ValueError):
            return [UUID(lead)]
    if len(found) > 1:
        names = ", ".join(sorted(f"{source}:{external_id}" for _, source, external_id in found))
        raise click.ClickException(f"Several leads are known as {lead}. Name one: {names}")
    return [lead_id for lead_id, _, _ in found]


def _told(seen: SeenLead, entries: Iterable[Entry]) -> Iterable[str]:
    who = " · ".join(str(seen[name]) for name in ("company", "name") if seen.get(name)) or str(seen["id"])
    yield click.style(who, bold=True)
    yield str(seen["id"])
    yield ", ".join(_standing(seen))
    for entry in entries:
        yield ""
        by = f", by {entry.by}" if entry.by else ""
        if entry.after is None:
            yield f"{_moment(entry.at)}  {click.style(entry.kind, bold=True)}{by}"
            yield from (f"    {reason['text']}" for reason in entry.reasons)
            continue
        version = f"policy version {entry.policy_version}" if entry.policy_version is not None else "no policy"
        yield f"{_moment(entry.at)}  {click.style(entry.kind, bold=True)}: {entry.before} → {entry.after}{by}  ({version})"
        for reason in entry.reasons:
            yield f"    {reason['text']}" + (f"  [{reason['rule']}]" if reason["rule"] else "")
            for value in reason["params"].values():
                if isinstance(value, list) and value and isinstance(value[0], Mapping):
                    yield from (f"        {_row(row)}" for row in value)
    if seen["due_at"] is not None:
        yield ""
        yield f"{_moment(seen['due_at'])}  next: {seen['due_for']}"


def _standing(seen: SeenLead) -> Iterable[str]:
    yield str(seen["state"])
    if seen["state"] == "pooled":
        yield f"in {seen['pool']}"
    if seen.get("owner_name"):
        yield f"with {seen['owner_name']}"
    if seen.get("review"):
        yield f"before {seen['review']}"
    if seen.get("score") is not None:
        yield f"score {seen['score']} ({seen['rank']})"
    yield f"from {seen['source']}" + (f":{seen['external_id']}" if seen.get("external_id") else "")


def _row(row: Mapping[str, Any]) -> str:
    """A line of points, or a rule that was tried and why it did not match."""
    if "rule" not in row:
        return ", ".join(f"{name}: {value}" for name, value in row.items() if value is not None)
    because = f"{row['fact']} is not known" if row.get("fact") else "no"
    return f"{row['rule']}: {row['when'] or 'always'} ({because})"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
