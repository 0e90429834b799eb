"""``dibs policy try`` and ``dibs policy compare``: a lead through any policy, and past leads through a draft. Neither changes a lead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click

from dibs.cli.policy_files import refuse, text_of
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.distribution.models import Comparison
    from dibs.distribution.rulebooks import Active
    from dibs.insight.what_if import Count, WhatIf
    from dibs.people.caller import Caller
    from dibs.people.models import Workspace

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, as the API does.")
_LANGUAGES = ("en", "ja", "es", "id")


@click.command("try")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--version",
    type=click.IntRange(min=1),
    help="A published version in place of a file; without either, the active one.",
)
@click.option("--lead", metavar="LEAD", help="A lead that is here: its id, or its source's id for it (SOURCE:ID).")
@click.option(
    "--field",
    "fields",
    metavar="NAME=VALUE",
    multiple=True,
    help="A fact of a lead that is typed in, such as country=JP or attributes.plan=pro; as often as needed.",
)
@click.option("--at", metavar="MOMENT", help="The moment to try it at, such as 2026-12-01T09:00; now if none is given.")
@click.option("--language", type=click.Choice(_LANGUAGES), default="en", show_default=True)
@workspace_option
@_json_option
def try_lead_on(
    file: str | None,
    version: int | None,
    lead: str | None,
    fields: Sequence[str],
    at: str | None,
    language: str,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Try a lead on a policy: every rule, why it did or did not match, who would get it, and who is passed over.

    FILE is a policy that need not be published. The lead is one that is here (--lead) or typed in (--field). Nothing is written. Exit
    codes: 0 told, 1 the policy is refused, or there is no such lead or version.
    """
    if (lead is None) == (not fields):
        raise click.UsageError("Give either --lead or --field.")
    if file is not None and version is not None:
        raise click.UsageError("Give either FILE or --version.")
    from dibs.cli.database import connected

    text = text_of(file) if file is not None else None
    with connected():
        from django.utils.timezone import now

        from dibs.insight.dry_run import try_arrival, try_lead
        from dibs.insight.dry_run_told import shown
        from dibs.insight.plain import to_json
        from dibs.intake.cleaning import Wrong
        from dibs.intake.trying import as_arrival
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        caller = _who(here, language)
        with within(here.id):
            when = _moment(at, here.timezone, "--at") if at else now()
            active = _policy(here.id, file, text, version, as_json)
            if lead is not None:
                found = try_lead(caller, active, _lead_id(caller, lead), when)
                if found is None:
                    raise click.ClickException(f"There is no lead {lead}.")
            else:
                try:
                    found = try_arrival(caller, active, as_arrival(here.id, _typed(fields), now=when), when)
                except Wrong as wrong:
                    raise click.ClickException(f"{wrong} [{wrong.code}]") from None
            told = shown(found, caller, here.timezone)
        if as_json:
            click.echo(to_json(told))
            return
        for line in _lines(told):
            click.echo(line)


@click.command("compare")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--version", type=click.IntRange(min=1), help="A published version in place of a file.")
@click.option(
    "--since",
    metavar="MOMENT",
    default="30d",
    show_default=True,
    help="Leads received from then on: 2026-10-01, or a span back.",
)
@click.option("--until", metavar="MOMENT", help="And before then; now if none is given.")
@click.option(
    "--leads",
    metavar="OUT.csv",
    type=click.Path(dir_okay=False),
    help="Write the leads that would have gone elsewhere to a file.",
)
@workspace_option
@_json_option
def compare(
    file: str | None,
    version: int | None,
    since: str,
    until: str | None,
    leads: str | None,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Put past leads through the active policy and through another: who would have got more, who less.

    FILE is a policy that need not be published. The reps are those of now, beginning at nothing, with their hours and time off. Exit
    codes: 0 compared, 1 the policy is refused, or there is no such version, or the time does not fit.
    """
    if (file is None) == (version is None):
        raise click.UsageError("Give either FILE or --version.")
    from dibs.cli.database import connected

    text = text_of(file) if file is not None else None
    with connected():
        from django.utils.timezone import now

        from dibs.distribution import comparing, drafts
        from dibs.insight import what_if
        from dibs.insight.plain import to_json
        from dibs.people.tenancy import within

        here = chosen_workspace(workspace)
        caller = _who(here, "en")
        with within(here.id):
            ends = _moment(until, here.timezone, "--until") if until else now()
            after = _policy(here.id, file, text, version, as_json)
            begins = _moment(since, here.timezone, "--since")
            try:
                comparison = comparing.begin(here.id, after, begins, ends, draft=text or "")
            except comparing.Unfit:
                raise click.ClickException("--since must be before --until, by 400 days at most.") from None
            except comparing.TooManyLeads:
                raise click.ClickException(
                    f"More than {comparing.MOST:,} leads came in then. Take less time with --since and --until."
                ) from None
            except drafts.NothingToTry:
                raise click.ClickException(
                    "No policy is active to compare with. See: dibs policy publish FILE"
                ) from None
            with _progress(comparison.total, shown=not as_json) as tell:
                comparing.go_through(comparison, tell)
            found = what_if.outcome_of(caller, comparison, now())
            assert found is not None
            if leads is not None:
                try:
                    Path(leads).write_text(what_if.as_csv(caller, comparison, now()), encoding="utf-8", newline="")
                except what_if.TooManyLines:
                    raise click.ClickException(
                        f"More than {what_if.MOST_LINES:,} leads differ: too many for a file. Take less time."
                    ) from None
        if as_json:
            click.echo(
                to_json({"id": comparison.id, "since": comparison.since, "until": comparison.until, "result": found})
            )
            return
        for line in _compared(comparison, found):
            click.echo(line)


def _who(here: Workspace, language: str) -> Caller:
    """Who runs the server sees everything."""
    from dibs.people.caller import operator

    return operator(here.id, here.timezone, "dibs policy", language)


def _policy(workspace_id: UUID, file: str | None, text: str | None, number: int | None, as_json: bool) -> Active:
    """The policy to try. Ends with 1 where it is refused."""
    from dibs.distribution import drafts, policies
    from dibs.engine.policy import PolicyRefused

    if file is not None and text is not None:
        try:
            return drafts.draft(workspace_id, text)
        except PolicyRefused as refused:
            refuse(file, text, refused, as_json)
    try:
        return drafts.version(workspace_id, number)
    except policies.UnknownVersion as unknown:
        raise click.ClickException(f"There is no policy version {unknown.number}. See: dibs policy list") from None
    except drafts.NothingToTry:
        raise click.ClickException("No policy is active. See: dibs policy publish FILE") from None


def _typed(fields: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` as a lead's fields; its source is the command's own unless it names another."""
    lead: dict[str, Any] = {"source": "try"}
    for field in fields:
        name, sign, value = field.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{field!r} is not NAME=VALUE, such as country=JP.", param_hint="--field")
        if name.startswith("attributes."):
            lead.setdefault("attributes", {})[name.removeprefix("attributes.")] = value
        else:
            lead[name] = value
    return lead


def _lead_id(caller: Caller, lead: str) -> UUID:
    from dibs.insight.leads import known_as

    found = known_as(caller, lead)
    if len(found) > 1:
        names = ", ".join(sorted(f"{source}:{external_id}" for _, source, external_id in found))
        raise click.ClickException(f"Several leads are known as {lead}. Name one: {names}")
    if found:
        return found[0][0]
    with suppress(ValueError):
        return UUID(lead)
    raise click.ClickException(f"There is no lead {lead}.")


def _moment(text: str, timezone: str, option: str) -> datetime:
    """A moment, in this zone unless it says another; or a span back from now, such as 30d."""
    from pydantic import TypeAdapter, ValidationError

    from dibs.engine.policy_terms import Duration

    with suppress(ValidationError, OverflowError):
        return datetime.now(UTC) - TypeAdapter(Duration).validate_python(text)
    with suppress(ValueError, OverflowError):
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
    raise click.BadParameter(
        f"{text!r} is neither a moment such as 2026-12-01T09:00 nor a span back such as 30d.", param_hint=option
    )


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not shown:
        yield lambda done, of: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("leads", total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    """A dry run, to be read."""
    policy, lead, becomes = told["policy"], told["lead"], told["becomes"]
    which = f"version {policy['number']}" if policy["number"] else "not published"
    yield click.style(lead["company"] or lead["name"] or lead["email"] or lead["source"], bold=True)
    yield f"through “{policy['name']}” ({which})"
    if told["touches"]:
        yield click.style(
            f"The same person is here already: it would be a touch on {told['touches']['id']}.", fg="yellow"
        )
    yield f"score {becomes['score']}, {becomes['rank']}"
    for point in told["points"]:
        yield f"    {point['add']:+d}  {'yes' if point['holds'] else 'no '}  {point['when']}{_why(point)}"
    for one in told["answers"]:
        yield f"    {one['add']:+d}  yes  {one['question']}: {one['answer']}"
    for reason in told["matching"]:
        yield reason["text"]
    for reason in told["gate"]["reasons"]:
        yield reason["text"]
    if told["territory"]:
        yield f"territory {' › '.join(told['territory']['path'])}"
    yield ""
    yield click.style("rules", bold=True)
    marks = {"matched": click.style("✓", fg="green"), "not_matched": "·", "not_reached": "-"}
    for rule in told["rules"]:
        said = rule["when"] or "always"
        if rule["verdict"] == "not_reached":
            said += "  (not reached; it would take the lead)" if rule["holds"] else "  (not reached)"
        yield f"  {marks[rule['verdict']]} {rule['index'] + 1:>2}  {rule['name']}: {said}{_why(rule)}"
    for attempt in told["attempts"]:
        yield ""
        yield click.style(f"{attempt['to']}" + (f", {attempt['by']}" if attempt["by"] else ""), bold=True)
        for one in attempt["considered"]:
            became = "gets it" if one["chosen"] else one["because"] or "could have had it"
            yield f"    {one['rep']}: {became} ({one['open_leads']} open, {one['assigned_today']} today)"
    yield ""
    where = becomes["owner"] or becomes["pool"] or becomes["review"]
    yield click.style(f"→ {becomes['state']}" + (f", {where}" if where else ""), bold=True)
    if becomes["due_at"] is not None:
        yield f"  next: {becomes['due_for']} at {becomes['due_at']:%Y-%m-%d %H:%M %Z}"


def _why(condition: Mapping[str, Any]) -> str:
    """The questions that keep a condition from holding, with the facts' values."""
    if condition["holds"] or not condition["because"]:
        return ""
    facts = {name: value for question in condition["because"] for name, value in question["facts"].items()}
    return (
        "  ["
        + ", ".join(f"{name} {'is not known' if value is None else f'is {value}'}" for name, value in facts.items())
        + "]"
    )


def _compared(comparison: Comparison, found: WhatIf) -> Iterator[str]:
    """A comparison, to be read."""
    if not found.leads:
        yield "No lead came in then."
        return
    yield f"{found.leads:,} leads, {comparison.since:%Y-%m-%d %H:%M} to {comparison.until:%Y-%m-%d %H:%M} UTC"
    yield f"version {comparison.before} and “{comparison.name}”: {found.elsewhere:,} would go elsewhere, {found.other_rep:,} to another rep of the team"
    for title, counts in (
        ("reps", found.reps),
        ("teams", found.teams),
        ("pools", found.pools),
        ("review", found.reviews),
        ("rules", found.rules),
    ):
        if counts:
            yield ""
            yield click.style(title, bold=True)
            yield from map(_count, counts)


def _count(count: Count) -> str:
    colour = "green" if count.more > 0 else "red" if count.more < 0 else None
    return f"  {count.label:<32.32} {count.before:>8,} {count.after:>8,} " + click.style(
        f"{count.more:>+8,}", fg=colour
    )
