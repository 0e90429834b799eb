"""How many leads a second `engine.route.place` decides on one core, with 50 rules and matches spread evenly over them.

Beside it, in the same run, the limit: what the bare conditions cost that finding the same rules one by one takes (one
activation, then each condition up to the one that holds). The ratio says how much judgement costs beyond asking, and stays
comparable between machines. Run it with ``python -m benchmarks route [--json FILE]``.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.measure import Measure
from dibs.engine.conditions import Condition
from dibs.engine.facts import AccountFacts, LeadClock, LeadFacts, RepFacts, WorkingHours
from dibs.engine.policy_model import Policy
from dibs.engine.roster import Roster
from dibs.engine.route import place
from dibs.engine.rulebook import Rulebook

BUDGET = 15_000
RULES = 50
BATCH = 1_000
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
COUNTRIES = ("JP", "MX", "ID", "BR", "US", "DE", "IN", "ES", "KE", "AU")
SOURCES = ("webform", "webinar", "demo_request", "referral", "trade_show")
TEAMS = ("north", "south", "east", "west")
STRATEGIES = ("round_robin", "weighted_round_robin", "least_open", "first_available")


def policy() -> Policy:
    """50 rules, one for each country and source: half push to a team, half let pull; five conditions give points."""
    route = []
    for n in range(RULES):
        country, source = COUNTRIES[n // len(SOURCES)], SOURCES[n % len(SOURCES)]
        rule = {"name": f"{country} {source}", "when": f'lead.country == "{country}" && lead.source == "{source}"'}
        team, by = TEAMS[n // 2 % len(TEAMS)], STRATEGIES[n // 8 % len(STRATEGIES)]
        way = {"push": {"team": team, "by": by}} if n % 2 else {"pull": {"pool": f"pool-{n % 5}"}}
        route.append(rule | way)
    points = [
        {"when": "lead.employees >= 200", "add": 25},
        {"when": 'lead.source in ["demo_request", "referral"]', "add": 40},
        {"when": "lead.deal_value >= 50000.0", "add": 20},
        {"when": "lead.title.lowerAscii().contains('chief')", "add": 10},
        {"when": "lead.consent == false", "add": -20},
    ]
    document = {
        "policy": "Fifty rules",
        "qualify": {"score": points},
        "territories": {"asia": {"when": 'lead.country in ["JP", "ID", "IN"]', "owner": {"team": "east"}}},
        "route": route,
        "teams": {team: {"weights": {f"{team}-0": 2}} for team in TEAMS},
        "pools": {
            f"pool-{n}": {"escalate": [{"after": "30m", "push": {"team": TEAMS[n % len(TEAMS)]}}]} for n in range(5)
        },
        "sla": {"first_contact": "5m", "when": 'lead.rank == "hot"', "hours": "business", "then": {"reassign": 2}},
    }
    return Policy.model_validate_json(json.dumps(document))


def roster() -> Roster:
    """Four teams of ten, each with one rep who is off hours at `NOW`."""
    week = dict.fromkeys(range(1, 6), (9 * 60, 18 * 60))
    zones = {n: "Asia/Tokyo" if n == 9 else "Europe/London" for n in range(10)}
    reps = {
        f"{team}-{n}": RepFacts(f"{team}-{n}", hours=WorkingHours(zones[n], week)) for team in TEAMS for n in range(10)
    }
    return Roster(reps, {team: tuple(h for h in reps if h.startswith(team)) for team in TEAMS}, {})


def leads(count: int) -> list[tuple[LeadFacts, LeadClock]]:
    """Leads whose matching rules run through all 50 in turn, far apart from each other."""
    made = []
    for n in range(count):
        rule = n * 7 % RULES
        lead = LeadFacts(
            source=SOURCES[rule % len(SOURCES)],
            country=COUNTRIES[rule // len(SOURCES)],
            title=("Chief Engineer", "Buyer", "Head of Sales")[n % 3],
            company=f"Company {n}",
            employees=(n * 37) % 1000 if n % 5 else None,
            deal_value=float(n * 977 % 100_000),
            consent=n % 4 != 0,
            received_at=NOW,
        )
        made.append((lead, LeadClock(f"lead-{n}", "new")))
    return made


def decide(book: Rulebook, team: Roster, given: list[tuple[LeadFacts, LeadClock]]) -> set[str | None]:
    """Place every lead, each seeing the ones before it, in batches of a thousand as an import does; the rules used."""
    account, used = AccountFacts(), set()
    for start in range(0, len(given), BATCH):
        placements = []
        for lead, clock in given[start : start + BATCH]:
            placement, team = place(book, lead, account, clock, team, NOW, clock.id)
            placements.append(placement)
        used |= {placement.reasons[-1].rule for placement in placements}
    return used


def ask(book: Rulebook, given: list[tuple[LeadFacts, LeadClock]]) -> int:
    """Only ask the conditions, one by one up to the one that holds, as any judge would have to; how many were asked."""
    conditions: list[Condition] = [route.when for route in book.routes if route.when is not None]
    points = [condition for condition, _, _ in book.points]
    asked = 0
    for lead, _ in given:
        activation = book.activation(lead, None, now=NOW)
        for condition in points:
            condition.holds(activation)
        for condition in conditions:
            asked += 1
            if condition.holds(activation):
                break
    return asked


def measure(*, quick: bool = False) -> list[Measure]:
    """Decisions a second and the bare conditions', each the median of rounds taken in turn, so that both feel the same load."""
    book, team, given = Rulebook.of(policy()), roster(), leads(2_000 if quick else 10_000)
    used = decide(book, team, given)
    assert len(used) == RULES, "matches are not spread over all rules"
    decisions, bare = [], []
    for _ in range(1 if quick else 7):
        decisions.append(per_second(lambda: decide(book, team, given), len(given)))
        bare.append(per_second(lambda: ask(book, given), len(given)))
    asking = statistics.median(bare)
    speed = statistics.median(decisions)
    return [
        Measure(f"route, {RULES} rules", speed, "decisions a second", asking, "conditions alone"),
        Measure("route, one core", speed, "decisions a second", budget_at_least=BUDGET),
    ]


def per_second(work: Callable[[], object], count: int) -> float:
    """How many a second, by the time this process had on a core; what earlier rounds left is cleared away first."""
    gc.collect()
    start = time.process_time()
    work()
    return count / (time.process_time() - start)
