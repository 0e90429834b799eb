"""What is left of a person once they are erased, and how long they are kept at all. Pure.

The log of decisions stays: counts, reports and standings are made of it. What it says of the person goes. A reason is a code with
parameters by name (`dibs.engine.reasons`); which of these names can hold what a person is, said or was called, is told here, and a name
that is not known here counts as one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from dibs.engine.policy_privacy import Keep
from dibs.engine.policy_terms import RetireWhy

#: The flag of a lead whose person was erased: it is not reopened, and takes no new facts.
ERASED = "erased"
#: Stands where something was taken out of a text.
GONE = "…"

#: Parameters whose text is the policy's, the staff's or the house's own: names of rules, pools, teams, reps, moments, codes, ids.
OURS = frozenset(
    {
        "above", "act", "active", "after", "amount", "at", "because", "before", "branch", "by", "currency", "decided", "due", "effective_from", "ended", "fact",
        "from", "host", "how", "into", "kind", "lead", "limit", "mail", "missing", "model", "of", "only", "opportunity", "other", "outcome", "part", "per",
        "pool", "queue", "question", "questions", "rank", "rep", "reps", "rule", "sequence", "side", "since", "stage", "stage_before", "state", "step", "team",
        "template", "territory", "then", "tier", "to", "touch", "under", "until", "verdict", "was", "what", "when", "within", "worth",
    }
)  # fmt: skip
#: Parameters that can say who somebody is, or what was said of them. A reason of the fixed ones for giving a lead up stays.
THEIRS = frozenset(
    {"account", "answer", "answers", "campaign", "contact", "domain", "fields", "name", "note", "owner", "parent", "problem",
     "text", "through", "title", "value", "why"}
)  # fmt: skip
#: Why a lead was given up, and why its person was erased.
_WHYS = frozenset(get_args(RetireWhy)) | {"asked", "ended", "open"}


def without_person(reasons: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reasons as the log keeps them, without what they say of the person. Numbers stay, and so does the policy's own text."""
    return [{**reason, "params": _ours(reason.get("params") or {})} for reason in reasons]


def _ours(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _kept(name, value) for name, value in params.items()}


def _kept(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return _ours(value) if name not in THEIRS else {}
    if isinstance(value, list | tuple):
        if name in THEIRS:
            return []
        return [_ours(each) if isinstance(each, Mapping) else _kept(name, each) for each in value]
    if name in OURS or (name == "why" and value in _WHYS):
        return value
    return ""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Before when: what was retired, who was last heard of while nobody had their lead, and what was sent, goes. ``None``: stays."""

    ended: datetime | None
    open: datetime | None
    raw: datetime | None

    @property
    def any(self) -> bool:
        return any(each is not None for each in (self.ended, self.open, self.raw))


def cutoffs(keep: Keep, now: datetime) -> Cutoffs:
    """How long a policy keeps what is known of people, counted back from now."""
    return Cutoffs(*(None if length is None else now - length for length in (keep.ended, keep.open, keep.raw)))
