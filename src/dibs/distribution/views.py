"""What a rep could choose from at the moment of a claim: which pools, and which of the leads in them.

Made from the policy version that the claim was decided by, the tier the rep was in then, and the teams the rep is in now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.distribution import rulebooks
from dibs.distribution.models import PolicyVersion
from dibs.engine import claim as judge
from dibs.engine.conditions import ABSENT, Condition
from dibs.engine.facts import LeadFacts, RepFacts
from dibs.engine.rulebook import Rulebook

#: Scores are 1..100; lists by score have an unused place 0.
SCORES = range(1, 101)


@dataclass(frozen=True, slots=True)
class View:
    """``pools``: where the rep may choose. ``admits``: by score, whether the tier shows such a lead; ``None``: it shows all, or asks
    more than the score. Then ``only`` is asked of each lead, with ``rep``. ``key`` is the same for views that admit the same leads.
    """

    pools: tuple[str, ...]
    book: Rulebook
    rep: RepFacts
    only: Condition | None = None
    admits: tuple[bool, ...] | None = None
    key: tuple[Any, ...] | None = None

    def shows(self, lead: LeadFacts) -> bool:
        """Whether the tier's condition lets this lead through. Asked only where there is a `key`."""
        assert self.only is not None
        return self.only.holds(self.book.activation(lead, rep=self.rep))


@dataclass(frozen=True, slots=True)
class _Asker:
    """A rep, and the tiers the rep was in: each until a moment, the earliest first, then ``facts.tier``."""

    facts: RepFacts
    teams: frozenset[str]
    earlier: tuple[tuple[datetime, str | None], ...]

    def tier_at(self, at: datetime) -> str | None:
        return next((tier for until, tier in self.earlier if at < until), self.facts.tier)

    def tiers(self) -> set[str | None]:
        return {self.facts.tier, *(tier for _, tier in self.earlier)}


class Views:
    """The views of some reps under some policy versions, from a moment on. Reads all it needs when it is made."""

    def __init__(self, workspace_id: UUID, reps: Iterable[UUID], versions: Iterable[int], since: datetime) -> None:
        self._askers = _askers(workspace_id, list(reps), since)
        numbered = PolicyVersion.objects.filter(workspace_id=workspace_id, number__in=list(versions))
        self._books = {
            number: rulebooks.rulebook(version).book for number, version in numbered.values_list("number", "id")
        }
        self._made: dict[tuple[Any, ...], View | None] = {}

    def is_queue(self, version: int | None, pool: str) -> bool:
        """Whether the pool was a queue in this version of the policy."""
        book = self._books.get(version or 0)
        rules = book.policy.pools.get(pool) if book else None
        return rules is not None and rules.mode == "queue"

    def view(self, rep_id: UUID, version: int | None, at: datetime) -> View | None:
        """What the rep could choose from then; ``None``: that can't be told any more."""
        asker = self._askers.get(rep_id)
        return self._of(rep_id, version, asker.tier_at(at)) if asker else None

    def asked_of_each(self, claims: Iterable[tuple[UUID, int | None]]) -> list[View]:
        """The views of these claims, by rep and policy version, that ask more of a lead than its score: one for each key."""
        found: dict[tuple[Any, ...], View] = {}
        for rep_id, version in claims:
            for tier in self._askers[rep_id].tiers() if rep_id in self._askers else ():
                view = self._of(rep_id, version, tier)
                if view is not None and view.key is not None:
                    found[view.key] = view
        return list(found.values())

    def _of(self, rep_id: UUID, version: int | None, tier: str | None) -> View | None:
        book, asker = self._books.get(version or 0), self._askers[rep_id]
        if book is None:
            return None
        key = (rep_id, version, tier if book.tiers else None)
        if key not in self._made:
            rep = replace(asker.facts, tier=tier) if book.tiers else asker.facts
            self._made[key] = _view(book, rep, asker.teams, version)
        return self._made[key]


def _view(book: Rulebook, rep: RepFacts, teams: frozenset[str], version: int | None) -> View | None:
    sights = {
        name: judge.sight(book, rep, teams, name) for name, pool in book.policy.pools.items() if pool.mode != "queue"
    }
    pools = tuple(name for name, sight in sights.items() if sight.level != "none")
    only = next((sight.only for sight in sights.values() if sight.only is not None), None)
    if only is None:
        return View(pools, book, rep)
    asked = {fact.removeprefix(ABSENT) for fact in only.facts}
    if "now" in asked:
        return None  # what it lets through changes by the minute, with nothing in the log to say when
    if all(fact == "lead.score" or fact.startswith("rep.") for fact in asked):
        admits = (only.holds(book.activation(LeadFacts(score=score), rep=rep)) for score in SCORES)
        return View(pools, book, rep, admits=(False, *admits))
    about_the_rep = any(fact.startswith("rep.") for fact in asked)
    return View(pools, book, rep, only, key=(version, only.text, rep if about_the_rep else None))


def _askers(workspace_id: UUID, reps: list[UUID], since: datetime) -> dict[UUID, _Asker]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT rep_id, at, reasons -> 0 -> 'params' ->> 'before' FROM distribution_repentry
            WHERE workspace_id = %s AND rep_id = ANY(%s) AND at > %s AND kind = 'tier_changed' ORDER BY at
            """,
            [workspace_id, reps, since],
        )
        earlier: dict[UUID, list[tuple[datetime, str | None]]] = {}
        for rep_id, at, tier in cursor.fetchall():
            earlier.setdefault(rep_id, []).append((at, tier))
        cursor.execute(
            """
            SELECT rep.id, rep.handle, rep.country, rep.languages, rep.industries, rep.seniority, rep.depth, standing.tier,
                   coalesce(standing.closed, 0), coalesce(standing.converted, 0),
                   array(SELECT team.slug::text FROM people_membership member JOIN people_team team ON team.id = member.team_id
                         WHERE member.rep_id = rep.id)
            FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
            WHERE rep.workspace_id = %s AND rep.id = ANY(%s)
            """,
            [workspace_id, reps],
        )
        found = {}
        for rep_id, handle, country, languages, industries, seniority, depth, *rest in cursor.fetchall():
            tier, closed, converted, teams = rest
            rate = converted / closed if closed else None
            facts = RepFacts(
                handle,
                tier=tier,
                closed=closed,
                conversion_rate=rate,
                country=country or None,
                languages=tuple(languages),
                industries=tuple(industries),
                seniority=seniority,
                depth=depth,
            )
            found[rep_id] = _Asker(facts, frozenset(teams), tuple(earlier.get(rep_id, ())))
    return found
