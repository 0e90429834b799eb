"""The states of a lead and the moves between them: the one table that code, schema and documentation share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

State = Literal["new", "pooled", "offered", "owned", "review", "nurture", "working", "converted", "retired", "merged"]

STATES: tuple[State, ...] = get_args(State)

#: States in which a lead waits for somebody to have it.
WAITING: frozenset[State] = frozenset({"new", "pooled", "review", "nurture"})
#: States in which a rep holds the lead, or may.
HELD: frozenset[State] = frozenset({"offered", "owned", "working"})
#: States from which nothing moves by time.
ENDED: frozenset[State] = frozenset({"converted", "retired", "merged"})

#: Where an open lead may have been before a move that is undone.
_ANYWHERE: frozenset[State] = frozenset({"pooled", "offered", "owned", "review", "nurture", "working"})

#: state -> {kind of decision: states it may lead to}. A kind absent from a state's row is refused there.
TRANSITIONS: Mapping[State, Mapping[str, frozenset[State]]] = {
    "new": {
        "placed": frozenset({"pooled", "offered", "owned", "review", "nurture", "retired"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "pooled": {
        "nurtured": frozenset({"nurture"}),
        "claimed": frozenset({"owned"}),
        "escalated": frozenset({"offered", "owned", "review"}),
        "aged": frozenset({"owned", "offered", "review"}),
        "assigned": frozenset({"owned"}),
        "requalified": frozenset({"pooled", "offered", "owned", "review", "nurture", "retired"}),
        # Somebody of the team that it was meant for can take it now.
        "freed": frozenset({"offered", "owned"}),
        "undone": _ANYWHERE,
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "offered": {
        "accepted": frozenset({"owned"}),
        "rejected": frozenset({"offered", "owned", "pooled", "review"}),
        "lapsed": frozenset({"offered", "owned", "pooled", "review"}),
        "reassigned": frozenset({"owned", "offered", "pooled", "review"}),
        # Marketing has done its part: on to sales.
        "qualified": frozenset({"owned", "offered", "pooled", "review"}),
        "nurtured": frozenset({"nurture"}),
        "undone": _ANYWHERE,
        "assigned": frozenset({"owned"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "owned": {
        # A lock that ran out is claimable at once, before any tick has written the lapse: hence claimed from owned.
        "claimed": frozenset({"owned"}),
        "contacted": frozenset({"working"}),
        "lapsed": frozenset({"pooled", "offered", "owned", "review"}),
        "released": frozenset({"pooled", "offered", "owned", "review"}),
        "reassigned": frozenset({"owned", "offered", "pooled", "review"}),
        # Marketing has done its part: on to sales.
        "qualified": frozenset({"owned", "offered", "pooled", "review"}),
        "nurtured": frozenset({"nurture"}),
        "undone": _ANYWHERE,
        "assigned": frozenset({"owned"}),
        "converted": frozenset({"converted"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "review": {
        "nurtured": frozenset({"nurture"}),
        "assigned": frozenset({"owned"}),
        "freed": frozenset({"offered", "owned"}),
        "undone": _ANYWHERE,
        "returned": frozenset({"pooled"}),
        "requalified": frozenset({"pooled", "offered", "owned", "review", "nurture", "retired"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "nurture": {
        "undone": _ANYWHERE,
        "requalified": frozenset({"pooled", "offered", "owned", "review", "nurture", "retired"}),
        "assigned": frozenset({"owned"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "working": {
        "contacted": frozenset({"working"}),
        "released": frozenset({"pooled", "offered", "owned", "review"}),
        "reassigned": frozenset({"owned", "offered", "pooled", "review"}),
        # Marketing has done its part: on to sales.
        "qualified": frozenset({"owned", "offered", "pooled", "review"}),
        "nurtured": frozenset({"nurture"}),
        "undone": _ANYWHERE,
        "assigned": frozenset({"owned"}),
        "converted": frozenset({"converted"}),
        "merged": frozenset({"merged"}),
        "retired": frozenset({"retired"}),
    },
    "converted": {},
    # Placed anew in the same breath, as if it had just come.
    "retired": {
        "reopened": frozenset({"pooled", "offered", "owned", "review", "nurture"}),
        # Given up for what a merge made known of it, which is undone.
        "undone": frozenset({"pooled", "review", "nurture"}),
    },
    # Kept apart after all: back to where it was.
    "merged": {"unmerged": frozenset({"new", "pooled", "offered", "owned", "review", "nurture", "working"})},
}


class ForbiddenMove(Exception):
    """The state table does not allow this move. ``kind`` is the decision's kind, ``state`` where the lead stands."""

    def __init__(self, state: str, kind: str, to: str | None = None) -> None:
        super().__init__(f"a lead that is {state} cannot be {kind}" + (f" into {to}" if to else ""))
        self.state, self.kind, self.to = state, kind, to


def may_move(state: str, kind: str, to: str) -> bool:
    """Whether a decision of this kind may take a lead from ``state`` to ``to``."""
    return to in TRANSITIONS[state].get(kind, frozenset())  # type: ignore[index]


def check_move(state: str, kind: str, to: str) -> None:
    """Raise `ForbiddenMove` unless the table allows the move."""
    if not may_move(state, kind, to):
        raise ForbiddenMove(state, kind, to)
