"""Scripted days: what happens when, drawn from a seed, the same for whichever store plays them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

Act = Literal[
    "arrive", "claim", "next", "open", "skip", "contact", "release", "accept", "reject", "convert", "retire", "assign", "tick",
    "retier", "floors", "results", "enrich", "return_to_pool", "give_up", "nurture", "reopen", "assess",
    "touch", "answer", "refuse", "consent", "win", "lose", "go_on", "merge",
]  # fmt: skip

REPS = ("aiko", "budi", "carmen", "diego")


@dataclass(frozen=True, slots=True)
class Happening:
    """At ``at``, ``rep`` does ``act`` to the ``lead``-th lead that has arrived, or to ``pool``; ``facts`` are an arriving lead's."""

    at: datetime
    act: Act
    lead: int = 0
    rep: str = ""
    pool: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


_ODDS: tuple[tuple[Act, int], ...] = (
    ("arrive", 20),
    ("claim", 34),
    ("contact", 14),
    ("release", 5),
    ("accept", 5),
    ("reject", 5),
    ("convert", 4),
    ("retire", 4),
    ("assign", 2),
    ("skip", 8),
    ("tick", 25),
    ("enrich", 3),
    ("return_to_pool", 3),
    ("give_up", 2),
    ("nurture", 2),
    ("reopen", 3),
)


def a_day(seed: int, start: datetime, happenings: int = 250, pools: Sequence[str] = ()) -> Iterator[Happening]:
    """Happenings in order of time, the gaps between them from seconds to hours. Many make no sense when they come, on purpose.
    ``pools`` are those that managers return leads to."""
    draw = Random(seed)
    now, arrived = start, 0
    acts = [act for act, odds in _ODDS for _ in range(odds) if pools or act != "return_to_pool"]
    for _ in range(happenings):
        now += timedelta(seconds=draw.choice((1, 5, 30, 60, 240, 600, 900, 1800, 5400)))
        act = draw.choice(acts) if arrived else "arrive"
        if act == "arrive":
            arrived += 1
            facts = {
                "employees": draw.choice((None, 3, 40, 250, 4000)),
                "country": draw.choice((None, "JP", "MX", "ES")),
                "source": draw.choice(("webform", "demo_request", "webinar")),
                "domain": draw.choice((None, "named.example", f"c{arrived}.example")),
            }
            yield Happening(now, "arrive", facts=facts)
        else:
            # Late leads are wanted most, as in life.
            lead = max(0, arrived - 1 - int(draw.expovariate(0.25)))
            facts = (
                {"employees": draw.choice((3, 250, 4000)), "country": draw.choice(("JP", "MX"))}
                if act == "enrich" and draw.random() < 0.5
                else {"answers": {draw.choice(("budget", "time")): draw.choice(("yes", "no", "soon"))}}
                if act == "enrich"
                else {}
            )
            yield Happening(now, act, lead=lead, rep=draw.choice(REPS), pool=pools[0] if pools else "gone", facts=facts)


POLICIES = {
    "everything": """
        policy: Everything at once
        qualify:
          score:
            - {when: 'lead.employees >= 200', add: 45}
            - {when: 'lead.source == "demo_request"', add: 40}
            - {when: 'lead.employees >= 20', add: 20}
          rank: {hot: 75, warm: 40}
          stale: {after: 20h, rank: warm, then: {team: field}}
        territories:
          japan: {when: 'lead.country == "JP"', owner: {team: field}}
        route:
          - {name: Named, when: 'account.owner != null', push: {to: account.owner}}
          - {name: Hot, when: 'lead.score >= 75', push: {team: closers, by: weighted_round_robin, accept_within: 5m}}
          - {name: Spain, when: 'lead.country == "ES"', push: {team: field, by: least_open}, fallback: {pool: second}}
          - {name: Japan, when: 'lead.country == "JP"', pull: {pool: second}}
          - {name: Rest, pull: {pool: inbound}}
        teams:
          closers: {weights: {aiko: 2}, open_at_most: 6, per_day: 9}
          field: {open_at_most: 4}
        pools:
          inbound:
            lock: 15m
            reclaim_after: 1h
            escalate:
              - {after: 30m, push: {team: closers, by: round_robin}}
              - {after: 60m, review: managers}
            assign_after: 24h
          second:
            lock: 30m
            escalate:
              - {after: 45m, push: {team: field, by: first_available, accept_within: 10m}}
            assign_after: 3h
        fair_play:
          hold_at_most: 4
          mix: {low_below: 50, share: 30%, over: 10}
        sla: {first_contact: 90m, when: 'lead.rank == "hot"', then: {reassign: 2, review: managers}}
    """,
    "queue": """
        policy: In line
        route:
          - {name: Everyone, pull: {pool: line}}
        pools:
          line:
            mode: queue
            order: [received_at]
            lock: 10m
            reclaim_after: 2h
            escalate: [{after: 2h, push: {team: closers}}]
            assign_after: 5h
        fair_play: {hold_at_most: 3, skip_at_most: 4}
    """,
    "push only": """
        policy: Round and round
        route:
          - {name: Big, when: 'lead.employees >= 200', push: {team: closers, by: least_open, accept_within: 3m}}
          - {name: Everyone, push: {team: field, by: round_robin}, fallback: {review: managers}}
        teams:
          closers: {per_day: 5}
          field: {open_at_most: 8}
        sla: {first_contact: 30m, then: {reassign: 1, review: managers}}
    """,
    "left alone": """
        policy: Warned, handed on, awaited
        qualify:
          score: [{when: 'lead.employees >= 200', add: 80}, {when: 'lead.country == "JP"', add: 45}]
        route:
          - {name: Hot, when: 'lead.rank == "hot"', push: {team: closers, by: first_available, accept_within: 4m}}
          - {name: Warm, when: 'lead.rank == "warm"', push: {team: field, by: least_open}, fallback: {pool: second}}
          - {name: Rest, pull: {pool: inbound}}
        teams:
          closers: {per_hour: 2, open_at_most: 4, reps: {carmen: {per_day: 3}}}
          field: {open_at_most: 3}
        pools:
          inbound: {lock: 20m, escalate: [{after: 40m, push: {team: closers}}, {after: 3h, review: managers}], assign_after: 8h}
          second: {lock: null, assign_after: 24h}
        availability: {away_after: 3}
        sla:
          - {first_contact: 45m, warn: 60%, when: 'lead.rank == "hot"', then: {reassign: 2, review: managers}}
          - {first_contact: 2h, when: 'lead.country == "JP"', then: {reassign: 1}}
        idle:
          - {after: 4h, warn: 50%, when: 'lead.rank == "warm"', then: {team: closers, by: weighted_round_robin}}
          - {after: 6h, then: {pool: inbound}}
    """,
    "marketing": """
        policy: Marketing first, a rep of theirs at a time
        qualify:
          score: [{when: 'lead.employees >= 200', add: 45}, {when: 'lead.employees >= 20', add: 25}]
          questions:
            budget: {ask: A budget?, answers: {yes: 40, soon: 20, no: -10}}
            time: {ask: When?, when: 'lead.answers.budget == "yes"', answers: {yes: 10, soon: 5, no: -20}}
          rank: {hot: 75, warm: 25}
          ready:
            when: lead.score >= 60 || lead.source == "demo_request"
            until: {team: field, by: least_open}
            give_up: {after: 30h, then: {retire: unqualified}}
          stale: {after: 9h, rank: warm, then: {team: closers}}
        route:
          - {name: Hot, when: 'lead.rank == "hot"', push: {team: closers, accept_within: 5m}}
          - {name: Rest, pull: {pool: inbound}}
        teams: {field: {open_at_most: 6}}
        pools:
          inbound: {lock: 20m, reclaim_after: 1h, escalate: [{after: 3h, push: {team: closers}}], assign_after: 8h}
        sla: {first_contact: 2h, then: {reassign: 2, review: managers}}
        idle: {after: 12h, warn: 50%, then: {team: field}}
    """,
    "marketing's pool": """
        policy: Marketing's pool, and sales' pool
        qualify:
          score: [{when: 'lead.employees >= 200', add: 45}, {when: 'lead.country == "JP"', add: 25}]
          questions:
            budget: {ask: A budget?, answers: {yes: 40, soon: 20, no: -10}}
          rank: {hot: 75, warm: 25}
          ready:
            when: lead.score >= 60
            until: {pool: marketing}
            give_up: {after: 26h, then: {pool: inbound}}
          stale: {after: 7h, rank: warm, then: {team: field}}
        route:
          - {name: Everybody, pull: {pool: inbound}}
        pools:
          marketing: {lock: null, teams: [field, closers], assign_after: 48h}
          inbound: {lock: 15m, escalate: [{after: 90m, push: {team: closers, accept_within: 20m}}], assign_after: 6h}
        privacy: {no_consent: {review: managers}}
    """,
}
