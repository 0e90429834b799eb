"""A dry run as it is shown, by the page, the API and the command: plain values, each reason and condition in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dibs.delivery.wording import condition_in_words
from dibs.engine.decision import Reason
from dibs.engine.explaining import Explained
from dibs.engine.facts import LeadFacts
from dibs.engine.policy_model import Rule
from dibs.engine.tracing import Attempt, Tried
from dibs.insight.dry_run import DryRun
from dibs.insight.sight import SeenLead
from dibs.insight.story import told
from dibs.people.caller import Caller

#: Where the lead would be, and when it would be looked at again.
_BECOMES = (
    "state", "pool", "review", "score", "rank", "territory", "due_at", "due_for", "lock_expires_at", "sla_at", "awaits", "side",
    "sequence", "retired_why",
)  # fmt: skip
#: What is told of another lead that this one has to do with.
_LEAD = ("id", "state", "pool", "owner", "owner_name", "review", "name", "company")


def shown(run: DryRun, caller: Caller, timezone: str) -> dict[str, Any]:
    """The dry run for JSON and for templates."""
    teller = _Teller(run, caller.language, timezone)
    facts = run.trace.lead
    lies = run.trace.territory
    account = run.match.judged.account
    return {
        "policy": {
            "number": run.active.number or None,
            "name": run.active.book.policy.policy,
            "digest": run.active.digest,
        },
        "at": run.at,
        "lead": {
            **{name: getattr(facts, name) for name in LeadFacts.__dataclass_fields__},
            "id": run.real["id"] if run.real is not None else None,
            "external_id": run.arrival.external_id,
            "flags": list(run.arrival.flags),
        },
        "is_now": named(run.real),
        "touches": named(run.touches),
        "near": [named(lead) for lead in run.near],
        "account": None
        if account is None
        else {name: getattr(account, name) for name in type(account).__dataclass_fields__},
        "matching": teller.reasons(run.match.judged.reasons),
        "points": [{"add": counted.add, **teller.condition(counted.why)} for counted in run.trace.points],
        "answers": [{"question": one.question, "answer": one.answer, "add": one.add} for one in run.trace.answers],
        "gate": {
            "side": run.trace.gate.side,
            "open": run.trace.gate.is_open,
            "ready": None if run.trace.ready is None else teller.condition(run.trace.ready),
            "reasons": teller.reasons(run.trace.gate.reasons),
        },
        "territory": None
        if lies is None
        else {
            "name": lies.name,
            "path": [*reversed(lies.above), lies.name],
            "team": lies.owner.team if lies.owner is not None else None,
            "rep": lies.owner.rep if lies.owner is not None else None,
            "through": lies.through,
        },
        "rules": [teller.rule(tried) for tried in run.trace.rules],
        "attempts": [teller.attempt(attempt) for attempt in run.trace.attempts],
        "becomes": {
            **{name: run.becomes[name] for name in _BECOMES},
            "pool": run.becomes["pool"] if run.becomes["state"] == "pooled" else None,
            "owner": run.owner,
            "owner_name": run.names.get(run.owner or ""),
            "rule": next((tried.rule.name for tried in run.trace.rules if tried.verdict == "matched"), None),
        },
        "reasons": teller.reasons(run.reasons),
    }


def named(seen: SeenLead | None) -> dict[str, Any] | None:
    """The lead by what it is called and where it is; ``None`` for none."""
    return None if seen is None else {name: seen.get(name) for name in _LEAD}


class _Teller:
    """Reasons and conditions in one reader's language; of other people's reps without their load."""

    def __init__(self, run: DryRun, language: str, timezone: str) -> None:
        self._language, self._names, self._timezone, self._led = language, run.names, timezone, run.led

    def reasons(self, reasons: Iterable[Reason]) -> list[dict[str, Any]]:
        return list(told(map(self._seen, reasons), self._language, self._names, self._timezone))

    def _sees(self, rep: object) -> bool:
        return self._led is None or rep in self._led

    def _seen(self, reason: Reason) -> Reason:
        """The reason without what it says of the load of reps that the reader doesn't lead."""
        if reason.code != "best_match" or self._sees(reason.params.get("rep")):
            return reason
        kept = {name: value for name, value in reason.params.items() if name == "rep"}
        return Reason(reason.code, kept, reason.rule)

    def condition(self, why: Explained) -> dict[str, Any]:
        """A condition, whether it holds, and the questions that made it so."""
        return {
            "when": why.text,
            "words": self._words(why.text),
            "holds": why.holds is True,
            "because": [
                {
                    "text": question.text,
                    "words": self._words(question.text),
                    "holds": question.holds,
                    "facts": dict(question.facts),
                }
                for question in why.decisive()
            ],
        }

    def _words(self, text: str) -> str:
        """In words if all of it can be; else as it is written."""
        parts = condition_in_words(text, self._language)
        return "; ".join(part.text for part in parts) if all(part.plain for part in parts) else text

    def rule(self, tried: Tried) -> dict[str, Any]:
        told: dict[str, Any] = {"when": None, "words": "", "holds": True, "because": []}
        if tried.why is not None:
            told = self.condition(tried.why)
        goes = None
        if tried.given is not None:
            to = tried.given.to
            goes = {
                "state": to.state if to is not None else None,
                **{name: getattr(to, name, None) for name in ("rep", "team", "pool")},
                "review": getattr(to, "queue", None),
                "reasons": self.reasons(tried.given.reasons),
            }
        return {
            "index": tried.index,
            "name": tried.rule.name,
            "way": way_of(tried.rule),
            "verdict": tried.verdict,
            **told,
            "goes": goes,
        }

    def attempt(self, attempt: Attempt) -> dict[str, Any]:
        return {
            "to": attempt.to,
            "rep": attempt.rep,
            "rep_name": self._names.get(attempt.rep or ""),
            "by": attempt.by,
            "considered": [
                {
                    "rep": one.rep,
                    "name": self._names.get(one.rep, one.rep),
                    "chosen": one.chosen,
                    "because": one.because,
                    "open_leads": one.open_leads if self._sees(one.rep) else None,
                    "assigned_today": one.assigned_today if self._sees(one.rep) else None,
                    "numbers": self._numbers(attempt, one.rep),
                }
                for one in attempt.considered
            ],
        }

    def _numbers(self, attempt: Attempt, rep: str) -> dict[str, Any] | None:
        """How this rep was weighed, where the best match was looked for."""
        if attempt.numbers is None or not self._sees(rep):
            return None
        candidates = attempt.numbers.params.get("candidates")
        rows = candidates if isinstance(candidates, list) else []
        return next((dict(row) for row in rows if isinstance(row, Mapping) and row.get("rep") == rep), None)


def way_of(rule: Rule) -> dict[str, Any]:
    """Where a rule sends leads: by which way, to what; and its fallback."""
    way: dict[str, Any] = {"way": "nurture", "to": None, "by": None, "fallback": None}
    if rule.push is not None:
        way |= {"way": "push", "to": rule.push.to or rule.push.team, "by": None if rule.push.to else rule.push.by}
    elif rule.pull is not None:
        way |= {"way": "pull", "to": rule.pull.pool}
    elif rule.review is not None:
        way |= {"way": "review", "to": rule.review}
    if rule.fallback is not None:
        way["fallback"] = rule.fallback.team or rule.fallback.pool or rule.fallback.review
    return way
