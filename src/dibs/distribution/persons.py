"""Whether the person of a new lead came before: who is known, and who is only like somebody.

What people are known by is kept in a table under a key of its own. New leads are written into it as they are placed; of two that
are the same person's and come at the same moment, one finds the other there and is begun again, as a touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db import connection
from rapidfuzz import fuzz

from dibs.crm.arrival import Arrival
from dibs.crm.companies import company_key
from dibs.crm.persons import Known, known_by, mailbox, name_key
from dibs.distribution.matching import alike as companies_alike
from dibs.engine import match
from dibs.engine.decision import Scalar
from dibs.engine.lifecycle import ENDED
from dibs.engine.match import LIKE_PERSON, SAME_PERSON, UNLIKE, Addresses, Resemblance

#: A number, or a mailbox, that more people than this are known by is a switchboard, and says nothing about who is who.
_SWITCHBOARD = 5
#: How often a lead is followed to the one that it was merged into.
_STEPS = 16


class SomebodyElseFirst(Exception):
    """The person came in by another way at the same moment."""


@dataclass(frozen=True, slots=True)
class Near:
    """A lead that may be of the same person: ``score`` and what it is made of."""

    lead_id: UUID
    score: float
    parts: tuple[dict[str, Scalar], ...]


@dataclass(slots=True)
class Persons:
    """The people of a batch of arrivals. ``known``: what each is known by, by place. ``here``: the open lead of those who came before,
    by place; ``follows``: the place in the batch of who said before that they are here; ``near``: of whom else they may be.
    """

    known: list[tuple[Known, ...]] = field(default_factory=list)
    here: dict[int, UUID] = field(default_factory=dict)
    follows: dict[int, int] = field(default_factory=dict)
    near: dict[int, list[Near]] = field(default_factory=dict)
    #: Leads, ended by now, whose people have come again.
    ended: set[UUID] = field(default_factory=set)
    #: What somebody with an open lead is known by, of what was asked for.
    taken: frozenset[Known] = frozenset()


@dataclass(frozen=True, slots=True)
class _Who:
    """Where somebody writes from, and for which company; ``domain`` is ``None`` for free mail."""

    email: str | None
    domain: str | None
    company: str | None

    def addresses(self, other: _Who) -> Addresses | None:
        """Whether each has a mailbox of their own, and not the same."""
        boxes = [mailbox(one.email) for one in (self, other) if one.email and "@" in one.email]
        if len(boxes) < 2 or not all(own for _, own in boxes) or boxes[0] == boxes[1]:
            return None
        return "colleagues" if self.domain and self.domain == other.domain else "other"

    def companies(self, other: _Who) -> float | None:
        """How like the names of their companies are, 0..1."""
        if not self.company or not other.company:
            return None
        return companies_alike(company_key(self.company), company_key(other.company))


@dataclass(frozen=True, slots=True)
class _Before:
    """Somebody who is known by something: by what, which lead is theirs, and what that one says of them."""

    known: Known
    lead_id: UUID
    who: _Who


def recognise(workspace_id: UUID, arrivals: Sequence[Arrival]) -> Persons:
    """Who of these came before, with a lead that is open still, or earlier among these themselves."""
    persons = Persons([known_by(one.email, one.phone, one.name, one.flags) for one in arrivals])
    before = _before(workspace_id, {known for several in persons.known for known in several}, persons.ended)
    persons.taken = frozenset(one.known for several in before.values() for one in several)
    here: dict[str, list[tuple[str, int]]] = {}
    for at, known in enumerate(persons.known):
        if not known:
            continue
        name = name_key(arrivals[at].name)
        first, likely = _earlier(known, name, _who(arrivals[at]), here, arrivals)
        if first is not None:
            persons.follows[at] = persons.follows.get(first, first)
        elif (found := _best(known, name, _who(arrivals[at]), before)) is not None:
            same, near = found
            if same is not None:
                persons.here[at] = same
            else:
                persons.near[at] = near
        if at not in persons.follows and at not in persons.here and likely:
            several = [Near(arrivals[other].lead_id, *judged) for other, judged in likely.items()]
            persons.near[at] = [*persons.near.get(at, ()), *several]
        for one in known:
            said = here.setdefault(one.value, [])
            if all(called != one.name for called, _ in said):
                said.append((one.name, at))
    # Who follows one that is here already touches that one's lead too.
    for at, first in list(persons.follows.items()):
        if first in persons.here:
            persons.here[at] = persons.here[first]
            del persons.follows[at]
    _only_leads(persons, arrivals)
    return persons


def _only_leads(persons: Persons, arrivals: Sequence[Arrival]) -> None:
    """Who of the batch turned out to be somebody else's touch is no lead that another may be near: that one's is."""
    instead = {arrivals[at].lead_id: lead for at, lead in persons.here.items()}
    instead |= {arrivals[at].lead_id: arrivals[first].lead_id for at, first in persons.follows.items()}
    for at, several in persons.near.items():
        persons.near[at] = [replace(near, lead_id=instead.get(near.lead_id, near.lead_id)) for near in several]


def _who(arrival: Arrival) -> _Who:
    return _Who(arrival.email, arrival.domain, arrival.company)


def _earlier(
    known: Sequence[Known],
    name: str,
    who: _Who,
    here: Mapping[str, Sequence[tuple[str, int]]],
    arrivals: Sequence[Arrival],
) -> tuple[int | None, dict[int, tuple[float, tuple[dict[str, Scalar], ...]]]]:
    """The place of the first of the batch who is the same person, and of those who may be."""
    likely = {}
    for one in known:
        said = here.get(one.value, ())
        exact = next((at for called, at in said if called == one.name), None)
        if exact is not None:
            return exact, {}
        if len(said) <= _SWITCHBOARD:
            for called, at in said:
                box = "@" in one.value
                seen = Resemblance(box, False, not box, _alike(name, called))
                score, parts = _judged(seen, who, _who(arrivals[at]))
                if score >= SAME_PERSON:
                    return at, {}
                if score >= LIKE_PERSON:
                    likely[at] = (score, parts)
    return None, likely


def _best(
    known: Sequence[Known], name: str, who: _Who, before: Mapping[str, Sequence[_Before]]
) -> tuple[UUID | None, list[Near]] | None:
    """The lead of who came before, or those of whom it may be, most likely first."""
    if not any(one.value in before for one in known):
        return None
    shared: dict[UUID, tuple[bool, bool, bool, float | None]] = {}
    others: dict[UUID, _Who] = {}
    for one in known:
        those = before.get(one.value, ())
        crowd = len({other.known.name for other in those}) > _SWITCHBOARD
        for other in those:
            if crowd and other.known != one:
                continue
            others[other.lead_id] = other.who
            box, own, phone, alike = shared.get(other.lead_id, (False, False, False, None))
            like = alike if other.known.own else _alike(name, other.known.name)
            shared[other.lead_id] = (
                box or "@" in one.value,
                own or other.known.own,
                phone or "@" not in one.value,
                max((each for each in (alike, like) if each is not None), default=None),
            )
    judged = [(lead, *_judged(Resemblance(*said), who, others[lead])) for lead, said in shared.items()]
    likely = sorted((one for one in judged if one[1] >= LIKE_PERSON), key=lambda one: (-one[1], one[0]))
    if not likely:
        return None
    if likely[0][1] >= SAME_PERSON:
        return likely[0][0], []
    return None, [Near(*one) for one in likely[:_SWITCHBOARD]]


def _judged(seen: Resemblance, who: _Who, other: _Who) -> tuple[float, tuple[dict[str, Scalar], ...]]:
    """What the engine says of them. From where they write, and for which company, tells only people apart whose names are somewhat
    alike: of the others, who are most, it is not looked up."""
    if seen.name is not None and UNLIKE <= seen.name < 1:
        seen = replace(seen, company=who.companies(other), addresses=who.addresses(other))
    return match.person_of(seen)


def _alike(one: str, other: str) -> float | None:
    if not one or not other:
        return None
    return max(fuzz.ratio(one, other), fuzz.ratio(one.replace(" ", ""), other.replace(" ", ""))) / 100


def _before(workspace_id: UUID, wanted: Iterable[Known], ended: set[UUID]) -> dict[str, list[_Before]]:
    """Who is known by these, by what they are known by; with a lead that is open, the one into which theirs was merged if it was."""
    asked = sorted(wanted)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        # By the key whom it names, and some others who share the number or mailbox: there each look is one into the index.
        cursor.execute(
            f"""
            SELECT known.value, known.name, known.lead_id, lead.state, lead.merged_into_id, lead.email, lead.domain, lead.company
            FROM (
                SELECT exact.value, exact.name, exact.lead_id FROM unnest(%s::text[], %s::text[]) AS said(value, name),
                    LATERAL (SELECT value, name, lead_id FROM crm_knownby
                             WHERE workspace_id = %s AND value = said.value AND name = said.name) exact
                UNION
                SELECT like_it.value, like_it.name, like_it.lead_id FROM unnest(%s::text[]) AS said(value),
                    LATERAL (SELECT value, name, lead_id FROM crm_knownby
                             WHERE workspace_id = %s AND value = said.value LIMIT {_SWITCHBOARD + 1}) like_it
            ) known JOIN crm_lead lead ON lead.id = known.lead_id AND lead.workspace_id = %s
            """,
            [
                [known.value for known in asked],
                [known.name for known in asked],
                workspace_id,
                sorted({known.value for known in asked if known.name}),
                workspace_id,
                workspace_id,
            ],
        )
        rows = cursor.fetchall()
    merged = kept_instead(workspace_id, {lead for _, _, lead, _, into, *_ in rows if into is not None})
    found: dict[str, list[_Before]] = {}
    for value, name, lead, state, _into, *who in rows:
        open_lead = merged.get(lead) if state == "merged" else None if state in ENDED else lead
        if open_lead is None:
            ended.add(lead)
        else:
            found.setdefault(value, []).append(_Before(Known(value, name), open_lead, _Who(*who)))
    return found


def kept_instead(workspace_id: UUID, leads: Iterable[UUID]) -> dict[UUID, UUID]:
    """Of leads that were merged into others, the one that is left in the end; without those of which that has ended too."""
    wanted = sorted(leads)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE way AS (
                SELECT id AS of, id, state, merged_into_id, 0 AS step FROM crm_lead WHERE workspace_id = %(workspace)s AND id = ANY(%(ids)s)
                UNION ALL
                SELECT way.of, lead.id, lead.state, lead.merged_into_id, way.step + 1
                FROM way JOIN crm_lead lead ON lead.id = way.merged_into_id AND lead.workspace_id = %(workspace)s
                WHERE way.state = 'merged' AND way.step < %(steps)s
            )
            SELECT of, id FROM way WHERE NOT state = ANY(%(ended)s)
            """,
            {"workspace": workspace_id, "ids": wanted, "steps": _STEPS, "ended": sorted(ENDED)},
        )
        return dict(cursor.fetchall())


def remember(workspace_id: UUID, leads: Sequence[tuple[UUID, tuple[Known, ...]]], ended: Iterable[UUID]) -> None:
    """Write down what the people of new leads are known by. ``ended``: leads that were theirs before, and do not count any more.

    Raises `SomebodyElseFirst` if one of them is known already with another lead: they came in by another way meanwhile. Rows are
    written in the order of the key, so that two batches wait for each other in one order.
    """
    new = dict(_once(leads))
    if new and _write(workspace_id, new, list(ended)) < len(new):
        raise SomebodyElseFirst


def remember_too(workspace_id: UUID, leads: Sequence[tuple[UUID, tuple[Known, ...]]]) -> None:
    """Write down what the people of leads that are here are known by as well, where nobody else is."""
    new = dict(_once(leads))
    if new:
        _write(workspace_id, new, [])


def _once(leads: Sequence[tuple[UUID, tuple[Known, ...]]]) -> Iterator[tuple[Known, UUID]]:
    yield from sorted({known: lead for lead, several in reversed(leads) for known in several}.items())


def _write(workspace_id: UUID, new: Mapping[Known, UUID], ended: list[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO crm_knownby AS known (workspace_id, value, name, lead_id)
            SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::uuid[])
            ON CONFLICT (workspace_id, value, name) DO UPDATE SET lead_id = excluded.lead_id WHERE known.lead_id = ANY(%s)
            """,
            [
                workspace_id,
                [known.value for known in new],
                [known.name for known in new],
                list(new.values()),
                ended,
            ],
        )
        return int(cursor.rowcount)
