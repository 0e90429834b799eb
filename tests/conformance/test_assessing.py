"""Days on which reps assess their leads: on the floor in memory and on PostgreSQL, the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from tests.conformance.days import Happening, a_day
from tests.conformance.test_same_day_twice import START, played

pytestmark = pytest.mark.django_db(transaction=True)

POLICIES = {
    "sales": """
        policy: Assessed by those who sell
        qualify:
          score:
            - {when: 'lead.employees >= 200', add: 45}
            - {when: 'lead.assessment >= 60', add: 40}
            - {when: 'lead.assessed == "hand_over"', add: 20}
          rank: {hot: 75, warm: 25}
        territories:
          well: {when: 'lead.assessment >= 90', owner: {team: field}}
        route:
          - {name: Well, when: 'lead.assessment >= 90', push: {to: territory.owner}}
          - {name: Direct, when: 'lead.assessed == "hand_over" && lead.employees >= 200', push: {team: closers, accept_within: 10m}}
          - {name: Hot, when: 'lead.rank == "hot"', push: {team: field, by: least_open}}
          - {name: Rest, pull: {pool: inbound}}
        teams: {field: {open_at_most: 4}}
        pools:
          inbound: {lock: 20m, reclaim_after: 1h, escalate: [{after: 2h, push: {team: closers}}], assign_after: 8h}
          later: {lock: 30m, assign_after: 24h}
        fair_play: {hold_at_most: 5, mix: {low_below: 50, share: 30%, over: 10}}
        sla: {first_contact: 2h, then: {reassign: 2, review: managers}}
        idle: [{after: 4h, when: 'lead.assessment >= 60', then: {team: field}}, {after: 9h, then: {pool: inbound}}]
        credits: {claim: 1, convert: 5}
        assessments:
          call:
            title: Call
            questions:
              need: {ask: Need?, weight: 3, answers: {none: 0, some: 50, much: 100}}
              budget: {ask: Budget?, answers: {"no": 0, "yes": 100}}
            verdicts:
              - {score: 70, pursue: true}
              - {score: 55, follow_up: 3d}
              - {score: 35, hand_over: true}
              - {score: 20, hand_over: {pool: later}}
              - {retire: no_interest}
          large:
            title: Large
            when: lead.employees >= 200
            questions: {many: {ask: Many?, answers: {"no": 0, "yes": 100}}}
            verdicts: [{score: 50, hand_over: {team: closers, by: least_open}}, {hand_over: {retire: not_a_fit}}]
    """,
    "marketing": """
        policy: Assessed by marketing, ready by it
        qualify:
          score: [{when: 'lead.employees >= 200', add: 30}, {when: 'lead.assessment >= 70', add: 50}]
          rank: {hot: 75, warm: 25}
          ready:
            when: lead.score >= 50
            until: {team: field, by: least_open}
            give_up: {after: 30h, then: {retire: unqualified}}
        route:
          - {name: Hot, when: 'lead.rank == "hot"', push: {team: closers, accept_within: 5m}}
          - {name: Rest, pull: {pool: inbound}}
        pools:
          inbound: {lock: 20m, assign_after: 8h}
          later: {lock: 30m, assign_after: 24h}
        assessments:
          call:
            title: Call
            questions:
              need: {ask: Need?, weight: 3, answers: {none: 0, some: 50, much: 100}}
              budget: {ask: Budget?, answers: {"no": 0, "yes": 100}}
            verdicts: [{score: 55, pursue: true}, {score: 30, follow_up: 3d}, {score: 20, hand_over: true}, {hand_over: {review: managers}}]
          large:
            title: Large
            when: lead.employees >= 200
            questions: {many: {ask: Many?, answers: {"no": 0, "yes": 100}}}
            verdicts: [{score: 50, hand_over: {nurture: true}}, {hand_over: {retire: not_a_fit}}]
    """,
}


def _calls(seed: int, pools: list[str]) -> Iterator[Happening]:
    """A day on which most contacts, and some other acts, are assessments."""
    draw = Random(seed + 77)
    for happening in a_day(seed, START, 300, pools=pools):
        if happening.act in {"contact", "release", "retire", "accept"} and draw.random() < 0.6:
            given = (
                {"many": draw.choice(("yes", "no"))}
                if (large := draw.random() < 0.25)
                else {
                    name: draw.choice(said)
                    for name, said in (("need", ("none", "some", "much")), ("budget", ("yes", "no")))
                    if draw.random() < 0.85
                }
            )
            facts = {"template": "large" if large else "call", "answers": given}
            yield replace(happening, act="assess", facts=facts)
        else:
            yield happening


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("policy", POLICIES)
def test_a_day_of_calls_goes_the_same_way_in_memory_and_on_the_database(policy: str, seed: int) -> None:
    came = played(POLICIES[policy], lambda pools: _calls(seed, pools), seed)
    assert {"done", "not_yours"} <= came
