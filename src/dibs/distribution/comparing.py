"""Past leads through the policy in force and through another: who would have got more, who less, and which leads would have gone
elsewhere. It reads leads and writes nothing but its own rows.

What is stored: a `Comparison`, whose ``result`` adds up, and a `Difference` for each lead that would have gone elsewhere.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now as moment
from procrastinate.contrib.django import app

from dibs.distribution import drafts
from dibs.distribution.families import accounts_by_id
from dibs.distribution.models import Comparison
from dibs.distribution.reading import lead_facts, rows_of_facts
from dibs.distribution.replaying import Replay, from_scratch
from dibs.distribution.rulebooks import Active
from dibs.engine.decision import Assigned, InNurture, InPool, InReview, Offered, Placement, Retired, Where
from dibs.people.bulk import insert_rows
from dibs.people.tenancy import enter, new_id

#: The job that compares, by the name that it has in the queue.
JOB = "compare_policies"
#: The most leads that one comparison goes through: about two minutes of work.
MOST = 250_000
#: The longest span of time that leads are taken from.
LONGEST = timedelta(days=400)
#: So many leads are compared before the answer, in about a second; more are left to the job.
AT_ONCE = 3_000
#: How long comparisons are kept.
KEPT = timedelta(days=30)
#: Leads read, and written about, at a time.
_PAGE = 2_000

Progress = Callable[[int, int], None]


class TooManyLeads(Exception):
    """More leads came in within that time than are compared at once; ``MOST`` says how many."""


class Unfit(Exception):
    """The span of time ends before it begins, or is longer than `LONGEST`."""


def begin(
    workspace_id: UUID,
    after: Active,
    since: datetime,
    until: datetime,
    *,
    before: Active | None = None,
    draft: str = "",
    by: UUID | None = None,
) -> Comparison:
    """A comparison of ``after`` with the policy in force (or ``before``) over the leads received from ``since`` on and before ``until``,
    to be gone through. ``draft``: the text of ``after``, if nobody has published it.

    Older comparisons than `KEPT` go. Raises `NothingToTry`, `Unfit` and `TooManyLeads`.
    """
    enter(workspace_id)
    before = before or drafts.version(workspace_id)
    if not timedelta(0) < until - since <= LONGEST:
        raise Unfit
    total = _count(workspace_id, since, until)
    if total > MOST:
        raise TooManyLeads
    Comparison.objects.filter(workspace_id=workspace_id, created_at__lt=moment() - KEPT).delete()
    return Comparison.objects.create(
        workspace_id=workspace_id,
        before=before.number,
        after=after.number or None,
        draft=draft,
        name=after.book.policy.policy,
        since=since,
        until=until,
        total=total,
        by_id=by,
    )


def go_through(comparison: Comparison, tell: Progress | None = None) -> Comparison:
    """Do the work now. ``tell`` is told of leads done and of all. Done again, it begins anew: what a crash left half done is gone.

    The rows go in page by page, each with the progress, so that whoever looks sees how far it is.
    """
    workspace_id = comparison.workspace_id
    enter(workspace_id)
    before = drafts.version(workspace_id, comparison.before)
    after = (
        drafts.draft(workspace_id, comparison.draft)
        if comparison.after is None
        else drafts.version(workspace_id, comparison.after)
    )
    comparison.differences.all().delete()
    ids = _leads(workspace_id, comparison.since, comparison.until)
    _note(comparison, state="running", total=len(ids), passed=0, changed=0)
    tally = Tally()
    for found in _compared(workspace_id, before, after, comparison.since, ids):
        with transaction.atomic():
            _keep(comparison, found, tally)
            _note(comparison, passed=tally.leads, changed=tally.elsewhere + tally.other_rep)
        if tell is not None:
            tell(tally.leads, len(ids))
    _note(comparison, state="done", result=tally.as_dict(), finished_at=moment())
    return comparison


def leave_to_job(comparison: Comparison) -> None:
    """Have a worker do it."""
    app.configure_task(JOB).defer(workspace=str(comparison.workspace_id), comparison=str(comparison.id))


def fail(comparison: Comparison, problem: str) -> None:
    """Note that it will not be done, and why."""
    _note(comparison, state="failed", problem=problem[:500], finished_at=moment())


@dataclass(slots=True)
class Tally:
    """What came of the leads so far: for each rep, team, pool and queue of review how many each policy sent there, ``[before, after]``.

    ``elsewhere``: leads that would have gone to another team, pool or review, or to a rep by another way; ``other_rep``: to another rep
    of the same team, as turns do when others were taken before; ``rescored``: leads with another score.
    """

    leads: int = 0
    elsewhere: int = 0
    other_rep: int = 0
    rescored: int = 0
    counts: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    rules: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))

    def add(self, before: Went, after: Went) -> None:
        self.leads += 1
        for side, went in enumerate((before, after)):
            for kind, name in went.counted():
                self.counts.setdefault(kind, {}).setdefault(name, [0, 0])[side] += 1
            self.rules[side][went.rule] += 1
        self.rescored += before.score != after.score

    def as_dict(self) -> dict[str, Any]:
        return {
            "leads": self.leads,
            "elsewhere": self.elsewhere,
            "other_rep": self.other_rep,
            "rescored": self.rescored,
            **{kind: self.counts.get(kind, {}) for kind in ("reps", "teams", "pools", "reviews", "states")},
            "rules": {"before": dict(self.rules[0].most_common()), "after": dict(self.rules[1].most_common())},
        }


@dataclass(frozen=True, slots=True)
class Went:
    """Where a policy sent a lead first, and by which rule ("": by none)."""

    to: Where
    rule: str
    score: int | None
    rank: str | None

    @classmethod
    def of(cls, placement: Placement) -> Went:
        rule = next((reason.params["rule"] for reason in placement.reasons if reason.code == "routed"), "")
        return cls(placement.to, str(rule), placement.score, placement.rank)

    def counted(self) -> Iterator[tuple[str, str]]:
        """What it counts for: kind and name."""
        yield "states", self.to.state
        match self.to:
            case Assigned(rep=rep, team=team) | Offered(rep=rep, team=team):
                yield "reps", rep
                if team is not None:
                    yield "teams", team
            case InPool(pool=pool):
                yield "pools", pool
            case InReview(queue=queue):
                yield "reviews", queue

    def place(self) -> tuple[str, str | None]:
        """Where it went, whoever of a team got it."""
        match self.to:
            case Assigned(rep=rep, team=team) | Offered(rep=rep, team=team):
                return ("team", team) if team is not None else ("rep", rep)
            case InPool(pool=pool):
                return "pool", pool
            case InReview(queue=queue):
                return "review", queue
            case InNurture(sequence=sequence):
                return "nurture", sequence
            case Retired(why=why):
                return "retired", why

    def rep(self) -> str | None:
        return self.to.rep if isinstance(self.to, Assigned | Offered) else None

    def as_dict(self) -> dict[str, Any]:
        kind, name = self.place()
        told: dict[str, Any] = {"state": self.to.state, "rep": self.rep(), "team": None, "pool": None, "review": None}
        if kind in told:
            told[kind] = name
        return {**told, "rule": self.rule, "score": self.score, "rank": self.rank}


#: A lead, and where each policy sent it.
Compared = tuple[UUID, Went, Went]


def _compared(
    workspace_id: UUID, before: Active, after: Active, since: datetime, ids: Sequence[UUID]
) -> Iterator[list[Compared]]:
    """Each page of leads, in the order they came in, with where each policy sends them."""
    roster, zones = from_scratch(workspace_id, since)
    # The same lots for both: what differs is the policies' doing, and no draw's.
    sides = [Replay(active.book, before.digest, roster, zones) for active in (before, after)]
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        rows = rows_of_facts(workspace_id, page, "ended_at")
        accounts = accounts_by_id(workspace_id, (row["account_id"] for row in rows.values()))
        found: list[Compared] = []
        for lead_id in page:
            row = rows.get(lead_id)
            if row is None:
                continue
            facts, account = lead_facts(row), accounts.get(row["account_id"])
            was, would = (
                Went.of(side.place(str(lead_id), facts, account, row["received_at"], row["ended_at"])) for side in sides
            )
            found.append((lead_id, was, would))
        yield found


def _keep(comparison: Comparison, found: Sequence[Compared], tally: Tally) -> None:
    """Add the leads up, and write down those that differ."""
    rows = []
    for lead_id, before, after in found:
        tally.add(before, after)
        elsewhere = before.place() != after.place()
        if elsewhere:
            tally.elsewhere += 1
        elif before.rep() != after.rep():
            tally.other_rep += 1
        else:
            continue
        told = (json.dumps(before.as_dict()), json.dumps(after.as_dict()))
        nth = tally.elsewhere + tally.other_rep
        rows.append((new_id(), comparison.workspace_id, comparison.id, lead_id, nth, elsewhere, *told))
    columns = ("id", "workspace_id", "comparison_id", "lead_id", "nth", "elsewhere", "before", "after")
    insert_rows("distribution_difference", columns, rows)


def _note(comparison: Comparison, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(comparison, name, value)
    comparison.save(update_fields=list(fields))


#: Leads that came in by the policy: of a person who came twice, the one that was kept.
_CAME_IN = "workspace_id = %s AND received_at >= %s AND received_at < %s AND state <> 'merged'"


def _count(workspace_id: UUID, since: datetime, until: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM crm_lead WHERE {_CAME_IN}", [workspace_id, since, until])
        return int(cursor.fetchone()[0])


def _leads(workspace_id: UUID, since: datetime, until: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM crm_lead WHERE {_CAME_IN} ORDER BY received_at, id", [workspace_id, since, until]
        )
        return [row[0] for row in cursor.fetchall()]
