"""A move carried out, chunk by chunk, or undone again.

Each chunk is a transaction of its own that holds the move's row: chunks of one move take turns, whichever workers do them, and what one
has done the next finds done. So a crash loses nothing: the next job, or the look once a minute, goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from dibs.delivery import notices
from dibs.distribution import policies
from dibs.distribution.crews import crew
from dibs.distribution.dealing import Aim, Dealer, Dealt, place_after
from dibs.distribution.families import accounts_by_id
from dibs.distribution.models import Move, MoveItem
from dibs.distribution.moving import FOR_GOOD, MoveRefused, cause_of, keeps_by_hand, lay_out
from dibs.distribution.reading import lead_facts, lock_leads, passed_over
from dibs.distribution.undoing import kept_of
from dibs.distribution.undoing_moves import KEPT, move_back
from dibs.distribution.writing import Outcome, placing, to_json, write, write_turns
from dibs.engine import claim as judge
from dibs.engine import consequences
from dibs.engine.decision import Reason
from dibs.people.access import Action
from dibs.people.bulk import update_rows
from dibs.people.caller import Caller, caller_of, operator
from dibs.people.models import Rep, User
from dibs.people.tenancy import enter

_log = structlog.get_logger()

#: Leads that one transaction takes: claims of these wait meanwhile, for about a third of a second.
CHUNK = 500


def carry_on(
    workspace_id: UUID,
    move_id: UUID,
    clock: Callable[[], datetime],
    *,
    wait: bool = True,
    tell: Callable[[int], object] | None = None,
) -> int:
    """Do what is left of a move that runs, or is being undone; returns how many leads were looked at. ``clock`` tells the moment of each
    chunk; ``tell`` is told after each how many there were so far. Without ``wait`` a move that another worker is at is left to it. Call it
    outside a transaction.
    """
    enter(workspace_id)
    done, upto = 0, _Upto()
    while looked_at := _chunk(workspace_id, move_id, clock(), CHUNK, upto, wait=wait):
        done += looked_at
        if tell is not None:
            tell(done)
    return done


def carry_on_all(workspace_id: UUID, now: datetime, clock: Callable[[], datetime]) -> int:
    """What `carry_on` does, for every move that no worker is at, and for leaves that begin; returns how many leads were looked at."""
    enter(workspace_id)
    for move_id in Move.objects.filter(state="waiting", started_at__lte=now).values_list("id", flat=True):
        _begin(move_id, now)
    left = Move.objects.filter(state__in=["running", "undoing"]).order_by("created_at").values_list("id", flat=True)
    return sum(carry_on(workspace_id, move_id, clock, wait=False) for move_id in left)


def _begin(move_id: UUID, now: datetime) -> None:
    """A leave begins that a move waited for: what the rep has now is planned, and then moved."""
    with transaction.atomic():
        move = (
            Move.objects.select_for_update(of=("self",), skip_locked=True).filter(id=move_id, state="waiting").first()
        )
        if move is None:
            return
        caller = _mover(move)
        try:
            if caller is None:
                raise MoveRefused("not_allowed")
            lay_out(move, caller, now)
        except MoveRefused as refused:
            _fail(move, refused.code, now)
            return
        move.state, move.started_at = "running", now
        move.save(update_fields=["state", "started_at"])


@dataclass(slots=True)
class _Upto:
    """Up to which item a job has come, so that it does not look through all before it again; ``forth`` or back."""

    nth: int = 0
    forth: bool = True


def _chunk(workspace_id: UUID, move_id: UUID, now: datetime, size: int, upto: _Upto, *, wait: bool) -> int:
    """One chunk; once more if the database ended a deadlock by taking it back; and lead by lead if it fails, so that one lead that no
    engine can answer for does not stop the rest."""
    try:
        try:
            return _chunk_once(workspace_id, move_id, now, size, upto, wait=wait)
        except OperationalError as problem:
            if not isinstance(problem.__cause__, DeadlockDetected):
                raise
            return _chunk_once(workspace_id, move_id, now, size, upto, wait=wait)
    except Exception:
        if not connection.is_usable() or connection.in_atomic_block:
            raise
        _log.exception("move_chunk_failed", move=str(move_id), leads=size)
        if size == 1:
            return _give_up_one(move_id)
        return sum(_chunk(workspace_id, move_id, now, 1, upto, wait=wait) for _ in range(size))


def _chunk_once(workspace_id: UUID, move_id: UUID, now: datetime, size: int, upto: _Upto, *, wait: bool) -> int:
    with transaction.atomic():
        locked = Move.objects.select_for_update(of=("self",), skip_locked=not wait).filter(id=move_id)
        move = locked.filter(state__in=["running", "undoing"]).first()
        if move is None:
            return 0
        forth = move.state == "running"
        if forth != upto.forth:
            upto.nth, upto.forth = 0, forth
        state = "planned" if forth else "moved"
        items = list(move.items.filter(state=state, nth__gt=upto.nth).order_by("nth")[:size])
        if not items:
            _finish(move, now)
            return 0
        caller = _mover(move) if forth else _undoer(move)
        if caller is None:
            _fail(move, "not_allowed", now)
            return 0
        if forth:
            _move(move, items, caller, now)
        else:
            move_back(move, items, caller, now)
        move.save(update_fields=["moved", "kept", "refused", "undone"])
    upto.nth = items[-1].nth
    return len(items)


def _move(move: Move, items: Sequence[MoveItem], caller: Caller, now: datetime) -> None:
    """Read, decide, write: for these items of a move that runs."""
    # Read.
    rows = lock_leads(move.workspace_id, [item.lead_id for item in items])
    active = policies.active(move.workspace_id)
    assert active is not None, "a policy, once there, is only ever replaced"
    aim = Aim.of(move.to)
    turns = active.book.policy.team_names() | ({aim.name} if aim.way == "team" else set()) if aim.takes_turns else ()
    known = crew(move.workspace_id, now, lock_turns_of=turns, book=active.book)
    accounts = accounts_by_id(move.workspace_id, (row["account_id"] for row in rows.values()))
    skipped = passed_over(move.workspace_id, rows)

    # Decide.
    dealer = Dealer(
        caller,
        active,
        known,
        aim,
        move.kind,
        cause_of(move, caller.name),
        now,
        spared=move.scope.get("rep"),
        uncontacted=bool(move.scope.get("uncontacted")),
        keeps_by_hand=keeps_by_hand(move),
    )
    line = [item for item in items if item.lead_id in rows]
    before = {item.lead_id: item.before for item in line}
    dealt = list(dealer.deal([rows[item.lead_id] for item in line], accounts, skipped, before))
    outcomes = [_outcome(each, dealer, caller) for each in dealt if each.moved is not None]

    # Write.
    write_turns(move.workspace_id, known.roster, dealer.roster, known.ids)
    write(move.workspace_id, outcomes, now=now, policy_version=active.number, crew=known)
    told = []
    for item, each in zip(line, dealt, strict=True):
        state = "moved" if each.moved is not None else "kept" if each.code in _KEEPS else "refused"
        kept = item.before if each.moved is None else {**item.before, "at": now, "columns": kept_of(each.row, KEPT)}
        planned = item.planned if each.moved is None else place_after(each.moved)
        told.append(
            (
                item.id,
                state,
                each.code,
                each.row["version"] + 1 if each.moved else None,
                to_json(kept),
                to_json(planned),
            )
        )
    told += [
        (item.id, "refused", "gone", None, to_json(item.before), to_json(item.planned))
        for item in items
        if item.lead_id not in rows
    ]
    update_rows("distribution_moveitem", "id", ("state", "code", "version", "before", "planned"), told)
    counted = Counter(state for _, state, *_ in told)
    move.moved += counted["moved"]
    move.kept += counted["kept"]
    move.refused += counted["refused"]


#: Codes of leads that are left where they are because that is what is wanted; others are refused.
_KEEPS = frozenset({"stays", "changed_since", "by_hand"})


def _outcome(dealt: Dealt, dealer: Dealer, caller: Caller) -> Outcome:
    """What the engine's answer means for the lead's columns and for the standings of those concerned."""
    assert dealt.moved is not None
    row, moved, known, now = dealt.row, dealt.moved, dealer.known, dealer.now
    after = consequences.moved(dealt.clock, moved, now)
    by_hand = dealer.aim.way == "rep"
    changes = placing(moved.placement, after, known, by="assigned" if by_hand else "reassigned")
    # What is sent from marketing to a pool of sales' stays there, as what is given to a rep does.
    to_sales = dealer.aim.way == "pool" and after.state == "pooled" and after.side != dealt.clock.side
    changes["by_hand"] = to_sales or (by_hand and after.owner is not None)
    score = judge.chosen_score(dealer.active.book, lead_facts(row), row["pool"])
    return Outcome(
        lead=row,
        kind=moved.kind,
        changes=changes,
        reasons=moved.placement.reasons,
        rep=known.ids[after.owner] if after.owner else row["owner_id"],
        actor=caller.actor,
        felt=consequences.felt(dealt.clock, after, now, known.day, score=score),
        # Nor does a rule give it back to them later: not in the moment after, when the leave is still to come, nor one by one.
        passed_over=(row["owner_id"], "moved") if moved.off and dealer.kind in FOR_GOOD else None,
        seed=f"{row['id']}:{dealer.active.digest[:16]}:{row['version']}",
    )


def _finish(move: Move, now: datetime) -> None:
    """All leads have had their turn: say so, and tell the reps who lost or got some, each in one notice."""
    back = move.state == "undoing"
    if back:
        # What had not been moved yet when the move was undone stays where it is.
        move.kept += move.items.filter(state="planned").update(state="kept", code="undone")
        move.state, move.undone_at = "undone", now
    else:
        move.state, move.finished_at = "done", now
    move.save(update_fields=["state", "kept", "finished_at", "undone_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT before->>'rep', planned->>'rep', count(*) FROM distribution_moveitem "
            "WHERE move_id = %s AND state = %s GROUP BY 1, 2",
            [move.id, "undone" if back else "moved"],
        )
        counted = cursor.fetchall()
    lost: Counter[str] = Counter()
    got: Counter[str] = Counter()
    for had, has, count in counted:
        if had != has:
            lost[has if back else had] += count
            got[had if back else has] += count
    caller = _undoer(move) if back else _mover(move)
    by = caller.name if caller is not None else ""
    told = []
    reps = Rep.objects.filter(workspace_id=move.workspace_id, handle__in={*lost, *got} - {None}, active=True)
    for handle, user_id in reps.values_list("handle", "user_id"):
        reasons = []
        if got[handle]:
            reasons.append(Reason("leads_moved_in", {"count": got[handle], "by": by, "why": move.why}))
        if lost[handle]:
            reasons.append(Reason("leads_moved_out", {"count": lost[handle], "by": by, "why": move.why}))
        told.append((user_id, reasons))
    notices.tell_each(move.workspace_id, told, "leads_moved", now)


def _fail(move: Move, code: str, now: datetime) -> None:
    move.state, move.problem, move.finished_at = "failed", code, now
    move.save(update_fields=["state", "problem", "finished_at"])


def _give_up_one(move_id: UUID) -> int:
    """The next lead of the move cannot be decided on: it stays where it is."""
    with transaction.atomic():
        move = Move.objects.select_for_update(of=("self",)).get(id=move_id)
        forth = move.state == "running"
        item = move.items.filter(state="planned" if forth else "moved").order_by("nth").first()
        if item is None:
            return 0
        item.state, item.code = ("refused", "failed") if forth else ("changed", "failed")
        item.save(update_fields=["state", "code"])
        if forth:
            move.refused += 1
            move.save(update_fields=["refused"])
    return 1


def _mover(move: Move) -> Caller | None:
    """Who planned the move, as they may act now; ``None``: they may no more."""
    return operator(move.workspace_id) if move.scope.get("operator") else _caller(move, move.by)


def _undoer(move: Move) -> Caller | None:
    said = move.scope.get("undone_by")
    return _caller(move, User.objects.filter(id=said).first()) if said else operator(move.workspace_id)


def _caller(move: Move, user: User | None) -> Caller | None:
    if user is None:
        return None
    try:
        caller = caller_of(user)
    except User.DoesNotExist:
        return None
    return caller if caller.may(Action.MOVE_LEADS) and caller.workspace_id == move.workspace_id else None
