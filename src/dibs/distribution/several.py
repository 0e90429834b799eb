"""The same act of a rep on several leads of theirs. Each is judged by itself: one that is refused keeps no other from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from dibs.distribution import acting, follow_ups
from dibs.distribution.scene import Answer
from dibs.people.caller import Caller

Kind = Literal["contact", "release", "retire", "follow_up", "nurture"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: No more leads than these at once: each is a transaction of its own, and who asked waits.
MOST = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done. ``kind`` and ``outcome`` of a contact; ``why`` of a retirement, one of `acting.RETIRE_REASONS`, or for the record
    of what is given back; ``at`` of a follow-up, ``None``: at no time; ``sequence`` of mails, ``None``: the policy's.

    Raises `ValueError` where a part that the act needs is missing or unknown.
    """

    act: Kind
    kind: str = "call"
    outcome: str = ""
    why: str = ""
    note: str = ""
    at: datetime | None = None
    sequence: str | None = None

    def __post_init__(self) -> None:
        if self.act not in KINDS:
            raise ValueError(f"act is one of {', '.join(KINDS)}")
        if self.act == "retire" and self.why not in acting.RETIRE_REASONS:
            raise ValueError(f"why is one of {', '.join(acting.RETIRE_REASONS)}")
        if self.act == "contact" and self.kind not in acting.CONTACT_KINDS:
            raise ValueError(f"kind is one of {', '.join(acting.CONTACT_KINDS)}")
        if self.act == "contact" and self.outcome and self.outcome not in acting.OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(acting.OUTCOMES)}")


def act_on_several(
    caller: Caller, wanted: Wanted, leads: Sequence[UUID], now: datetime, *, known: Callable[[UUID], bool]
) -> list[Answer]:
    """Do it to each of these leads, in their order; the same lead twice is done once. ``known``: whether the caller may know of a lead;
    one that they may not is answered ``None``. Raises `ValueError` for more than `MOST`."""
    if len(leads) > MOST:
        raise ValueError(f"{MOST} leads at most at once")
    done: dict[UUID, Answer] = {}
    for lead in leads:
        if lead not in done:
            done[lead] = _ACTS[wanted.act](caller, lead, now, wanted) if known(lead) else None
    return [done[lead] for lead in leads]


_ACTS: Mapping[Kind, Callable[[Caller, UUID, datetime, Wanted], Answer]] = {
    "contact": lambda caller, lead, now, wanted: acting.contact(
        caller, lead, now, kind=wanted.kind, note=wanted.note, outcome=wanted.outcome
    ),
    "release": lambda caller, lead, now, wanted: acting.release(caller, lead, now, why=wanted.why),
    "retire": lambda caller, lead, now, wanted: acting.retire(caller, lead, now, why=wanted.why, note=wanted.note),
    "follow_up": lambda caller, lead, now, wanted: follow_ups.follow_up(caller, lead, wanted.at, now),
    "nurture": lambda caller, lead, now, wanted: acting.nurture(caller, lead, now, wanted.sequence),
}
