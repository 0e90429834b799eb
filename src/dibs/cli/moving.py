"""``dibs move``: hand many leads on in one step. Planned first, and looked at; then started; then undone, if need be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from dibs.cli.database import connected
from dibs.cli.workspaces import chosen_workspace, workspace_option

if TYPE_CHECKING:
    from dibs.distribution.dealing import Aim
    from dibs.distribution.models import Move
    from dibs.distribution.moving import Wanted
    from dibs.people.caller import Caller
    from dibs.people.models import Workspace

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
to_option = click.option(
    "--to",
    default="policy",
    show_default=True,
    metavar="WHERE",
    help="Where they go: policy, rep:HANDLE, team:SLUG, pool:NAME or review:SLUG.",
)
_BY = ("round_robin", "weighted_round_robin", "least_open", "best_match", "first_available")
by_option = click.option(
    "--by", type=click.Choice(_BY), default="round_robin", show_default=True, help="How somebody of a team is chosen."
)

#: What `move plan --where` can ask for.
_FIELDS = ("state", "pool", "review", "owner", "source", "domain", "country", "industry", "rank")


@click.group()
def move() -> None:
    """Hand many leads on in one step: plan it, look, start it, undo it."""


@move.command("plan")
@click.option("--rep", metavar="HANDLE", help="All that is this rep's.")
@click.option("--uncontacted", is_flag=True, help="Of a rep's leads only those without a contact yet.")
@click.option(
    "--where",
    "asked",
    multiple=True,
    metavar="FIELD=VALUE",
    help=f"Open leads like this; repeatable: {', '.join(_FIELDS)}.",
)
@click.option("--lead", "leads", multiple=True, type=click.UUID, metavar="ID", help="This lead; repeatable.")
@click.option("--leave", is_flag=True, help="The rep goes on leave.")
@click.option("--since", type=click.DateTime(), help="Of a leave: from when the rep is away, in the rep's time zone.")
@click.option("--until", type=click.DateTime(), help="Of a leave: its last day, or until when on it.")
@click.option("--at-start", is_flag=True, help="Of a leave: the leads move when it begins, worked out anew then.")
@to_option
@by_option
@click.option("--why", default="", help="For the record.")
@workspace_option
@_json_option
def plan(
    rep: str | None,
    uncontacted: bool,
    asked: tuple[str, ...],
    leads: tuple[UUID, ...],
    leave: bool,
    since: datetime | None,
    until: datetime | None,
    at_start: bool,
    to: str,
    by: str,
    why: str,
    workspace: str | None,
    as_json: bool,
) -> None:
    """Work out where each lead would go, and show who would get what. Nothing moves yet.

    Say which leads by one of --rep, --where and --lead. Exit codes: 0 planned, 1 refused.
    """
    if sum(map(bool, (rep, asked, leads))) != 1:
        raise click.UsageError("Say which leads by one of --rep, --where and --lead.")
    filters = dict(_filter(each) for each in asked)
    with connected():
        from dibs.distribution.moving import MOST, Wanted
        from dibs.insight.moves import open_leads_found

        here = chosen_workspace(workspace)
        caller, now = _operator(here), _now()
        wanted = Wanted(
            kind="leave" if leave else "bulk",
            aim=aim_of(to, by),
            why=why,
            rep=rep,
            uncontacted=uncontacted,
            since=_in_zone(here, rep, since),
            until=_in_zone(here, rep, _whole(until)),
            at_start=at_start,
            asked=filters or None,
        )
        found = open_leads_found(caller, filters, limit=MOST + 1, now=now) if filters else list(leads)
        show(caller, planned(caller, wanted, found), as_json=as_json)


@move.command("list")
@workspace_option
@_json_option
def list_(workspace: str | None, as_json: bool) -> None:
    """List the latest moves."""
    with connected():
        from dibs.insight.moves import moves_page

        here = chosen_workspace(workspace)
        found = moves_page(_operator(here), limit=50).items
        if as_json:
            click.echo(json.dumps([asdict(card) for card in found], ensure_ascii=False, default=str))
            return
        if not found:
            click.echo("Nothing was moved yet. See: dibs move plan --help")
        for card in found:
            click.echo(
                f"{card.id}  {card.state:8} {card.kind:8} {card.moved} of {card.total} moved  {card.rep or ''}".rstrip()
            )


@move.command("show")
@click.argument("move_id", metavar="ID", type=click.UUID)
@workspace_option
@_json_option
def show_move(move_id: UUID, workspace: str | None, as_json: bool) -> None:
    """Show a move: how far it is, and who loses and gets how many leads by it."""
    with connected():
        show(_operator(chosen_workspace(workspace)), move_id, as_json=as_json)


@move.command("start")
@click.argument("move_id", metavar="ID", type=click.UUID)
@workspace_option
@_json_option
def start(move_id: UUID, workspace: str | None, as_json: bool) -> None:
    """Do a planned move, here and now. Broken off, it goes on where it stopped, by a worker or by the same command."""
    _act(move_id, "start", workspace, as_json)


@move.command("undo")
@click.argument("move_id", metavar="ID", type=click.UUID)
@workspace_option
@_json_option
def undo(move_id: UUID, workspace: str | None, as_json: bool) -> None:
    """Undo a move: each lead that nobody has touched since goes back to who had it, or to where it waited."""
    _act(move_id, "undo", workspace, as_json)


@move.command("drop")
@click.argument("move_id", metavar="ID", type=click.UUID)
@workspace_option
@_json_option
def drop(move_id: UUID, workspace: str | None, as_json: bool) -> None:
    """Drop a planned move: it will not be done."""
    _act(move_id, "drop", workspace, as_json)


def aim_of(to: str, by: str) -> Aim:
    """What ``--to`` and ``--by`` say. Raises `click.BadParameter`."""
    from dibs.distribution.dealing import Aim

    way, _, name = to.partition(":")
    if way == "policy" and not name:
        return Aim()
    match way:
        case "rep" | "team" | "pool" | "review" if name:
            return Aim(way, name, by)
        case _:
            raise click.BadParameter(
                f"{to!r}: say policy, rep:HANDLE, team:SLUG, pool:NAME or review:SLUG", param_hint="--to"
            )


def planned(caller: Caller, wanted: Wanted, leads: list[UUID]) -> UUID:
    """Plan it, or end the command with why not."""
    from dibs.distribution.moving import MoveRefused, plan

    with _refusals():
        if len(leads) > _most():
            raise MoveRefused("move_too_large", str(_most()))
        return plan(caller, wanted, _now(), leads).id


def done(caller: Caller, move_id: UUID, act: str, *, quiet: bool) -> Move | None:
    """Start, undo or drop it, and see it through with a bar. Ends the command if it can't be."""
    from dibs.distribution import moving, moving_on

    with _refusals():
        acts = {"start": moving.start, "undo": moving.undo, "drop": moving.drop}
        found: Move | None = acts[act](caller, move_id, _now())
    if found is None or found.state not in {"running", "undoing"}:
        return found
    total = found.total if found.state == "running" else found.moved
    with _bar(total, shown=not quiet) as tell:
        moving_on.carry_on(caller.workspace_id, move_id, _now, tell=tell)
    found.refresh_from_db()
    return found


def show(caller: Caller, move_id: UUID, *, as_json: bool) -> None:
    """A move and whom it concerns, as JSON or a table. Ends the command if there is none such."""
    from dibs.insight.moves import move_in_sight, shares_of

    card = move_in_sight(caller, move_id)
    if card is None:
        raise click.ClickException(f"There is no move {move_id}. See: dibs move list")
    shares = shares_of(caller, move_id)
    if as_json:
        click.echo(json.dumps({**asdict(card), **asdict(shares)}, ensure_ascii=False, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("", "Loses", "Gets", "Open leads now", box=None)
    for rep in shares.reps:
        table.add_row(rep.rep, str(rep.loses), str(rep.gets), str(rep.open_leads))
    for place in shares.places:
        table.add_row(f"{place.kind} {place.name}", str(place.loses), str(place.gets), "")
    if shares.reps or shares.places:
        Console().print(table)
    told = {
        "planned": f"{card.total} leads, {shares.stays} of them would stay where they are. Nothing has moved yet: dibs move start {card.id}",
        "waiting": f"What there is then moves at {card.started_at}.",
        "done": f"Moved: {card.moved}. Left where they are: {card.kept}. Refused: {card.refused}. To undo it: dibs move undo {card.id}",
        "undone": f"Back where they were: {card.undone} of {card.moved}. The others had been touched since.",
        "dropped": "Dropped. Nothing was moved.",
        "failed": f"Stopped: {card.problem}. Moved until then: {card.moved} of {card.total}.",
    }
    click.echo(told.get(card.state, f"{card.state}: {card.done} of {card.total}"))


def _act(move_id: UUID, act: str, workspace: str | None, as_json: bool) -> None:
    with connected():
        caller = _operator(chosen_workspace(workspace))
        done(caller, move_id, act, quiet=as_json)
        show(caller, move_id, as_json=as_json)


def _operator(here: Workspace) -> Caller:
    from dibs.people.caller import operator

    return operator(here.id, here.timezone)


def _filter(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or name not in _FIELDS or not value:
        raise click.BadParameter(f"{text!r}: say FIELD=VALUE with one of {', '.join(_FIELDS)}", param_hint="--where")
    return name, value


def _whole(until: datetime | None) -> datetime | None:
    """A day counts in to its end."""
    return until + timedelta(days=1) if until is not None and until.time() == time() else until


def _in_zone(here: Workspace, handle: str | None, when: datetime | None) -> datetime | None:
    """A moment by the rep's own clock."""
    from zoneinfo import ZoneInfo

    from dibs.people.models import Rep
    from dibs.people.tenancy import within

    if when is None:
        return None
    with within(here.id):
        zone = Rep.objects.filter(handle=handle).values_list("timezone", flat=True).first()
    return when.replace(tzinfo=ZoneInfo(zone or here.timezone))


def _now() -> datetime:
    from django.utils.timezone import now

    return now()


def _most() -> int:
    from dibs.distribution.moving import MOST

    return MOST


@contextmanager
def _refusals() -> Iterator[None]:
    """What cannot be is told, and ends the command with 1."""
    from dibs.distribution.moving import MoveRefused

    try:
        yield
    except MoveRefused as refused:
        said = {
            "move_too_large": f"These are more leads than one move takes ({_most()}). Narrow it down.",
            "move_not_now": f"The move is {refused.what}.",
            "move_outdated": "Another policy is in force since this was planned. Plan it once more.",
            "not_your_team": f"{refused.what}: not of a team that you lead.",
            "no_policy": "No policy is published yet.",
            "unknown_rep": f"There is no active rep called {refused.what}, or the leads are theirs already.",
            "unknown_team": f"There is no team called {refused.what}.",
            "unknown_pool": f"The policy has no pool called {refused.what}.",
            "bad_span": "A leave has a since and a later until that lies ahead.",
        }.get(refused.code, refused.code)
        raise click.ClickException(said) from None


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not shown:
        yield None
        return
    columns = (TextColumn("Moving"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("moving", total=total)
        yield lambda so_far: bar.update(task, completed=so_far)
