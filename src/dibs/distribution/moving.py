"""Many open leads moved in one step, looked at first: a move is planned, then started or dropped, and may be undone.

Planning asks the engine in memory and keeps what it said, lead by lead; nothing else changes. Starting puts a job into the queue that
does it in chunks (`dibs.distribution.moving_on`). A rep's leave or leaving is a move of all that is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from dibs.distribution import joining, policies
from dibs.distribution.crews import crew
from dibs.distribution.dealing import Aim, Dealer, Kind, place_after, place_of
from dibs.distribution.families import accounts_by_id
from dibs.distribution.hours import working_hours
from dibs.distribution.models import Move, MoveItem
from dibs.distribution.overseeing import ANY_MANAGER
from dibs.distribution.reading import pages_of, passed_over
from dibs.distribution.writing import to_json
from dibs.engine import calendar
from dibs.engine.decision import Reason
from dibs.engine.lifecycle import HELD
from dibs.people.access import Action
from dibs.people.bulk import insert_rows
from dibs.people.caller import Caller
from dibs.people.models import Rep, Role, Team, TimeOff, User
from dibs.people.tenancy import enter, new_id

#: The job that carries a move on, by the name that it has in the queue.
JOB = "carry_on_move"
#: Leads of one move, at most: so many are planned within some seconds.
MOST = 20_000
#: How long a plan that nobody started, or that was dropped, is kept: it may have as many items as leads.
PLANS_KEPT = timedelta(days=7)

#: Kinds of moves that say of a lead that it is not for who had it.
FOR_GOOD = frozenset({"bulk", "border", "leave"})

#: The codes of `MoveRefused`.
REFUSALS = (
    "move_too_large",
    "move_not_now",
    "move_outdated",
    "not_your_team",
    "no_policy",
    "unknown_rep",
    "unknown_team",
    "unknown_pool",
    "bad_span",
)


class MoveRefused(Exception):
    """It cannot be planned or done so. ``code`` is of `REFUSALS`, ``what`` what it is about."""

    def __init__(self, code: str, what: str = "") -> None:
        super().__init__(f"{code}: {what}" if what else code)
        self.code, self.what = code, what


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be moved and where to. ``rep``: all that is this rep's (``uncontacted``: only what has had no contact yet). For a leave
    ``since`` and ``until`` say from when to when the rep is away; with ``at_start`` the leads move when it begins, planned anew then,
    else as soon as the move is started. ``asked``: the question by which the leads were found, for the record. ``why``: the mover's own
    words.
    """

    kind: Kind = "bulk"
    aim: Aim = field(default_factory=Aim)
    why: str = ""
    rep: str | None = None
    uncontacted: bool = False
    since: datetime | None = None
    until: datetime | None = None
    at_start: bool = False
    asked: dict[str, Any] | None = None

    def scope(self) -> dict[str, Any]:
        """As a `Move` keeps it."""
        if self.rep is None:
            return {"asked": self.asked} if self.asked is not None else {}
        said: dict[str, Any] = {"rep": self.rep, "uncontacted": self.uncontacted, "at_start": self.at_start}
        if self.since is not None and self.until is not None:
            said |= {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return said


def plan(caller: Caller, wanted: Wanted, now: datetime, leads: Sequence[UUID] = ()) -> Move:
    """Work out where ``leads``, or all that is the wanted rep's, would go now, and keep it as a move to look at.

    Leads that the caller does not lead are left out, as if there were none such. Older plans than `PLANS_KEPT` go. Raises `MoveRefused`.
    """
    enter(caller.workspace_id)
    _check(caller, wanted, now)
    with transaction.atomic():
        old = Move.objects.filter(workspace_id=caller.workspace_id, created_at__lt=now - PLANS_KEPT)
        old.filter(state__in=["planned", "dropped"], started_at=None).delete()
        move = Move.objects.create(
            workspace_id=caller.workspace_id,
            kind=wanted.kind,
            scope=wanted.scope() | ({"operator": True} if caller.actor is None else {}),
            to=wanted.aim.as_json(),
            why=wanted.why.strip(),
            by_id=caller.actor,
            created_at=now,
        )
        lay_out(move, caller, now, leads)
    return move


def lay_out(move: Move, caller: Caller, now: datetime, leads: Sequence[UUID] = ()) -> None:
    """Work out where the move's leads would go now, and keep it as the move's items. For a rep's leads: those they have now."""
    active = policies.active(move.workspace_id)
    if active is None:
        raise MoveRefused("no_policy")
    known = crew(move.workspace_id, now, book=active.book)
    handle, uncontacted = move.scope.get("rep"), bool(move.scope.get("uncontacted"))
    ids = _leads_of(move.workspace_id, handle, uncontacted) if handle else _in_order(move.workspace_id, leads)
    if len(ids) > MOST:
        raise MoveRefused("move_too_large", str(MOST))
    dealer = Dealer(
        caller,
        active,
        known,
        Aim.of(move.to),
        move.kind,
        cause_of(move, caller.name),
        now,
        spared=handle,
        uncontacted=uncontacted,
        keeps_by_hand=keeps_by_hand(move),
    )
    rows: list[tuple[Any, ...]] = []
    for page in pages_of(move.workspace_id, ids):
        led = [row for row in page if dealer.leads_it(row)]
        accounts = accounts_by_id(move.workspace_id, (row["account_id"] for row in led))
        skipped = passed_over(move.workspace_id, (row["id"] for row in led))
        for dealt in dealer.deal(led, accounts, skipped):
            before = place_of(dealt.row, dealt.clock.owner)
            planned = before | {"stays": True} if dealt.moved is None else place_after(dealt.moved)
            rows.append(
                (
                    new_id(), move.workspace_id, move.id, dealt.row["id"], len(rows) + 1, "planned",
                    to_json(before), to_json(planned), dealt.code,
                )
            )  # fmt: skip
    MoveItem.objects.filter(move=move).delete()
    insert_rows("distribution_moveitem", _ITEM, rows)
    move.total, move.policy_version = len(rows), active.number
    move.save(update_fields=["total", "policy_version"])


_ITEM = ("id", "workspace_id", "move_id", "lead_id", "nth", "state", "before", "planned", "code")


def start(caller: Caller, move_id: UUID, now: datetime) -> Move | None:
    """Have the move done as planned, or wait for the leave that it is for to begin; ``None``: the caller has no such move.

    A leave is written into the rep's time off with it; who leaves can do nothing any more, from now on. Raises `MoveRefused` if it was
    started or dropped before, or if the policy is another than the one it was planned by.
    """
    enter(caller.workspace_id)
    with transaction.atomic():
        move = _mine(caller, move_id)
        if move is None:
            return None
        if move.state != "planned":
            raise MoveRefused("move_not_now", move.state)
        _check_aim(caller, Aim.of(move.to))
        _check_rep(caller, move.kind, move.scope.get("rep"))
        scope = move.scope
        if "since" in scope:
            begins = _write_time_off(move, now)
            if scope["at_start"] and begins > now:
                move.state, move.started_at = "waiting", begins
                move.save(update_fields=["state", "started_at"])
                return move
        active = policies.active(move.workspace_id)
        if active is None or active.number != move.policy_version:
            raise MoveRefused("move_outdated")
        if move.kind == "leaving":
            joining.leave(User.objects.get(rep__workspace_id=move.workspace_id, rep__handle=scope["rep"]))
        move.state, move.started_at = "running", now
        move.save(update_fields=["state", "started_at"])
        carry_on_soon(move)
    return move


def drop(caller: Caller, move_id: UUID, now: datetime) -> Move | None:
    """Do not do the move: one that is planned, or waits for a leave to begin (the time off stays). ``None``: the caller has no such
    move. Raises `MoveRefused` if it was started before."""
    enter(caller.workspace_id)
    with transaction.atomic():
        move = _mine(caller, move_id)
        if move is None:
            return None
        if move.state not in {"planned", "waiting"}:
            raise MoveRefused("move_not_now", move.state)
        move.state, move.started_at, move.finished_at = "dropped", None, now
        move.save(update_fields=["state", "started_at", "finished_at"])
    return move


def undo(caller: Caller, move_id: UUID, now: datetime) -> Move | None:
    """Have each lead that nobody has touched since go back to who had it, or to where it waited; ``None``: the caller has no such move.

    One that still runs stops where it is. Raises `MoveRefused` if it was not started, or is undone already.
    """
    enter(caller.workspace_id)
    with transaction.atomic():
        move = _mine(caller, move_id)
        if move is None:
            return None
        if move.state not in {"running", "done", "failed"}:
            raise MoveRefused("move_not_now", move.state)
        move.state = "undoing"
        move.scope = {**move.scope, "undone_by": str(caller.actor) if caller.actor else None}
        move.save(update_fields=["state", "scope"])
        carry_on_soon(move)
    return move


def carry_on_soon(move: Move) -> None:
    """Put the job for the move into the queue, once this transaction is committed and not without it; one job for a move at a time."""
    job = app.configure_task(JOB, lock=f"move:{move.id}", queueing_lock=f"move:{move.id}")
    try:
        with transaction.atomic():
            job.defer(workspace=str(move.workspace_id), move=str(move.id))
    except AlreadyEnqueued:
        pass  # that one will find what there is to do


def cause_of(move: Move, by: str) -> Reason:
    """Why a lead of this move goes elsewhere."""
    match move.kind:
        case "leave":
            return Reason("on_leave", {"rep": move.scope["rep"], "by": by, "why": move.why})
        case "leaving":
            return Reason("has_left", {"rep": move.scope["rep"], "by": by, "why": move.why})
        case "border":
            return Reason("border_moved", {"by": by, "why": move.why})
        case _:
            return Reason("moved_by", {"by": by, "why": move.why})


def keeps_by_hand(move: Move) -> bool:
    """Whether leads that a manager gave to somebody by hand stay there: where a rule finds the leads and rules say where they go. Who names
    the leads, whose they are, or who gets them, decides over them by hand again."""
    return move.kind == "border" or ("asked" in move.scope and Aim.of(move.to).way == "policy")


def _write_time_off(move: Move, now: datetime) -> datetime:
    """Write the leave that the move is for into the rep's time off; returns when the rep would have begun to work on its first day: then
    others are there to be given leads, and not at midnight."""
    since, until = datetime.fromisoformat(move.scope["since"]), datetime.fromisoformat(move.scope["until"])
    if until <= now:
        raise MoveRefused("bad_span", "until")
    rep = Rep.objects.get(workspace_id=move.workspace_id, handle=move.scope["rep"])
    TimeOff.objects.get_or_create(
        workspace_id=move.workspace_id, rep=rep, starts=since, ends=until, defaults={"note": move.why[:200]}
    )
    country = rep.country if rep.keeps_holidays else ""
    today = calendar.local_day(rep.timezone, since)
    starts = calendar.next_start(working_hours(rep.timezone, rep.hours, country, rep.region, today=today), since)
    return starts if starts is not None and starts < until else since


def _mine(caller: Caller, move_id: UUID) -> Move | None:
    """The move, locked, if it is the caller's to decide about: all moves are operations', a manager's those they planned."""
    moves = Move.objects.select_for_update(of=("self",)).filter(workspace_id=caller.workspace_id, id=move_id)
    if caller.role != Role.OPS:
        moves = moves.filter(by_id=caller.user_id)
    return moves.first()


def _check(caller: Caller, wanted: Wanted, now: datetime) -> None:
    """Refuse what cannot be, before anything is worked out."""
    _check_rep(caller, wanted.kind, wanted.rep)
    if wanted.kind in {"leave", "leaving"} and wanted.rep is None:
        raise MoveRefused("unknown_rep")
    if (wanted.since is None) != (wanted.until is None) or (wanted.at_start and wanted.since is None):
        raise MoveRefused("bad_span", "since")
    since, until = wanted.since, wanted.until
    if since is not None and until is not None and (wanted.kind != "leave" or until <= max(since, now)):
        raise MoveRefused("bad_span", "until")
    _check_aim(caller, wanted.aim)
    if wanted.aim.way == "rep" and wanted.aim.name == wanted.rep:
        raise MoveRefused("unknown_rep", wanted.aim.name)


def _check_rep(caller: Caller, kind: str, handle: str | None) -> None:
    """Whose leads they are: somebody the caller leads. Only operations see somebody off, and nobody does it to themselves."""
    if not caller.may(Action.MOVE_LEADS):
        raise MoveRefused("not_your_team")
    if handle is None:
        return
    rep = Rep.objects.filter(workspace_id=caller.workspace_id, handle=handle).first()
    if rep is None:
        raise MoveRefused("unknown_rep", handle)
    if kind == "leaving" and (caller.role != Role.OPS or rep.id == caller.rep_id or rep.user_id == caller.user_id):
        raise MoveRefused("not_your_team", handle)
    if caller.role != Role.OPS and not rep.teams.filter(slug__in=caller.manages).exists():
        raise MoveRefused("not_your_team", handle)


def _check_aim(caller: Caller, aim: Aim) -> None:
    """Where they go: to somebody, a team, a pool or a review of the caller's own, and that there is."""
    active = policies.active(caller.workspace_id)
    if active is None:
        raise MoveRefused("no_policy")
    leads_all = caller.role == Role.OPS
    match aim.way:
        case "rep":
            rep = Rep.objects.filter(workspace_id=caller.workspace_id, handle=aim.name, active=True).first()
            if rep is None:
                raise MoveRefused("unknown_rep", aim.name)
            if not leads_all and not rep.teams.filter(slug__in=caller.manages).exists():
                raise MoveRefused("not_your_team", aim.name)
        case "team" | "review":
            if aim.way == "review" and aim.name == ANY_MANAGER:
                return
            if not Team.objects.filter(workspace_id=caller.workspace_id, slug=aim.name).exists():
                raise MoveRefused("unknown_team", aim.name)
            if not leads_all and aim.name not in caller.manages:
                raise MoveRefused("not_your_team", aim.name)
        case "pool":
            pool = active.book.policy.pools.get(aim.name)
            if pool is None:
                raise MoveRefused("unknown_pool", aim.name)
            if not caller.oversees(pool.teams):
                raise MoveRefused("not_your_team", aim.name)
        case "policy":
            return


def _leads_of(workspace_id: UUID, handle: str, uncontacted: bool) -> list[UUID]:
    """The open leads that a rep has, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead.id FROM crm_lead lead JOIN people_rep rep ON rep.id = lead.owner_id "
            "WHERE lead.workspace_id = %s AND rep.handle = %s AND lead.state = ANY(%s) "
            f"{'AND lead.contacted_at IS NULL ' if uncontacted else ''}ORDER BY lead.received_at, lead.id LIMIT %s",
            [workspace_id, handle, sorted(HELD), MOST + 1],
        )
        return [lead for (lead,) in cursor.fetchall()]


def _in_order(workspace_id: UUID, leads: Sequence[UUID]) -> list[UUID]:
    """Those of these leads that there are, each once, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s) ORDER BY received_at, id",
            [workspace_id, list(leads)],
        )
        return [lead for (lead,) in cursor.fetchall()]
