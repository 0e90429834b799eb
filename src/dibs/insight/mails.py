"""The mails that leads in nurture get: what was sent, who is where in each sequence, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from dibs.engine.lifecycle import HELD
from dibs.engine.policy_nurture import Nurture
from dibs.insight.sight import SELECT, TABLES, Eyes, SeenLead, row_of
from dibs.people.caller import Caller
from dibs.people.tenancy import enter

#: Leads that answered the mails in one way or another: sales have them, or had, or they wait for that.
_WITH_SALES = ("pooled", "review", "converted", *sorted(HELD))


@dataclass(slots=True)
class StepCount:
    """One mail of a sequence. ``next_for``: leads that get it next; the rest are mails by what became of them."""

    step: int
    mail: str
    after: float
    next_for: int = 0
    sent: int = 0
    waiting: int = 0
    stopped: int = 0
    failed: int = 0


@dataclass(slots=True)
class SequenceCount:
    """A sequence and its leads. ``through``: in it still and with all its mails; ``with_sales`` and ``refused``: of those that got one of
    its mails, how many sales have or had since, and how many must not be contacted since. ``gone``: the policy has it no more."""

    name: str
    when: str | None = None
    steps: list[StepCount] = field(default_factory=list)
    through: int = 0
    reached: int = 0
    with_sales: int = 0
    refused: int = 0
    gone: bool = False

    @property
    def leads(self) -> int:
        """How many are in it now."""
        return self.through + sum(step.next_for for step in self.steps)

    @property
    def failed(self) -> int:
        return sum(step.failed for step in self.steps)


def sequences(caller: Caller, nurture: Nurture) -> list[SequenceCount]:
    """Every sequence of the policy in its order, and those that it has no more but that leads are in, or got mails of."""
    enter(caller.workspace_id)
    found = {
        name: SequenceCount(
            name,
            sequence.when,
            [StepCount(nth, step.mail, step.after.total_seconds()) for nth, step in enumerate(sequence.steps, 1)],
        )
        for name, sequence in nurture.sequences.items()
    }

    def of(name: str) -> SequenceCount:
        return found.setdefault(name, SequenceCount(name, gone=True))

    for name, mailed, leads in _read(_IN_IT, [caller.workspace_id]):
        sequence = of(name)
        if mailed < len(sequence.steps):
            sequence.steps[mailed].next_for += leads
        else:
            sequence.through += leads
    for name, nth, mail, state, mails in _read(_MAILS, [caller.workspace_id]):
        sequence = of(name)
        while len(sequence.steps) < nth:
            sequence.steps.append(StepCount(len(sequence.steps) + 1, mail, 0))
        step = sequence.steps[nth - 1]
        setattr(step, state, getattr(step, state) + mails)
    for name, reached, with_sales, refused in _read(_BECAME, [list(_WITH_SALES), caller.workspace_id]):
        sequence = of(name)
        sequence.reached, sequence.with_sales, sequence.refused = reached, with_sales, refused
    return list(found.values())


def lately_in(caller: Caller, now: datetime, limit: int = 8) -> list[SeenLead]:
    """Leads that came into nurture or got a mail lately: to look at mails as they get them. For who sees every lead of the workspace."""
    enter(caller.workspace_id)
    rows = [row_of(values) for values in _read(_LATELY, [caller.workspace_id, limit])]
    return list(Eyes(caller, now).see_many(rows).values())


_IN_IT = """
    SELECT sequence, mailed, count(*) FROM crm_lead
    WHERE workspace_id = %s AND state = 'nurture' AND sequence IS NOT NULL GROUP BY sequence, mailed
"""
_MAILS = """
    SELECT sequence, step, max(mail), state, count(*) FROM delivery_mail WHERE workspace_id = %s
    GROUP BY sequence, step, state ORDER BY sequence, step
"""
_BECAME = """
    SELECT got.sequence, count(*), count(*) FILTER (WHERE lead.state = ANY(%s)), count(*) FILTER (WHERE lead.do_not_contact)
    FROM (SELECT DISTINCT sequence, lead_id, workspace_id FROM delivery_mail WHERE workspace_id = %s AND state = 'sent') got
    JOIN crm_lead lead ON lead.id = got.lead_id AND lead.workspace_id = got.workspace_id GROUP BY got.sequence
"""
_LATELY = f"""
    SELECT {SELECT} FROM {TABLES} WHERE lead.workspace_id = %s AND lead.state = 'nurture' AND lead.sequence IS NOT NULL
    ORDER BY lead.mailed_at DESC, lead.id LIMIT %s
"""


def _read(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall())
