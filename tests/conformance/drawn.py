"""Policies, people and leads as Hypothesis draws them: small, and of every kind that a policy can be.

Conditions are drawn from a few whose meaning is written here once more in Python, so that a test can say who may see what
without asking the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

HANDLES = ("aiko", "budi", "carmen", "diego")
TEAMS = ("closers", "field")
POOLS = ("inbound", "second", "line")

#: Fields of a lead that hold a value of its own in each drawn lead, so that where it shows can be told.
CANARIES = ("name", "title", "email", "phone", "company", "city", "postal_code", "use_case", "message")


@dataclass(frozen=True)
class Condition:
    """A condition as a policy writes it, and what it means."""

    text: str
    means: Callable[..., bool]


def _at_least(name: str, least: float) -> Callable[[Any], bool]:
    return lambda facts: getattr(facts, name) is not None and getattr(facts, name) >= least


def _is(name: str, value: str) -> Callable[[Any], bool]:
    return lambda facts: getattr(facts, name) == value


#: What may be asked of a lead before it is scored.
PLAIN = (
    Condition("lead.employees >= 200", _at_least("employees", 200)),
    Condition('lead.source == "demo_request"', _is("source", "demo_request")),
    Condition('lead.country == "JP"', _is("country", "JP")),
    Condition('lead.country == "ES"', _is("country", "ES")),
    Condition("lead.deal_value >= 1000.0", _at_least("deal_value", 1000)),
)
#: What may be asked of one that is.
SCORED = (
    *PLAIN,
    Condition("lead.score >= 75", _at_least("score", 75)),
    Condition("lead.score >= 40", _at_least("score", 40)),
)
#: What a tier may let its reps see only.
ONLY = (
    Condition("lead.score < 75", lambda lead, rep: lead.score is not None and lead.score < 75),
    Condition("lead.score >= 30", lambda lead, rep: lead.score is not None and lead.score >= 30),
    Condition('lead.source == "webform"', lambda lead, rep: lead.source == "webform"),
    Condition("lead.employees >= 20", lambda lead, rep: lead.employees is not None and lead.employees >= 20),
    Condition(
        "lead.country == rep.country", lambda lead, rep: lead.country is not None and lead.country == rep.country
    ),
    Condition("lead.language in rep.languages", lambda lead, rep: lead.language in rep.languages),
)
#: What makes a rep one of a tier.
RECORD = (
    Condition("rep.closed >= 1", lambda rep: rep.closed >= 1),
    Condition("rep.closed >= 2", lambda rep: rep.closed >= 2),
    Condition('rep.country == "JP"', lambda rep: rep.country == "JP"),
    Condition("rep.conversion_rate >= 0.5", lambda rep: rep.conversion_rate is not None and rep.conversion_rate >= 0.5),
)
MEANS: Mapping[str, Callable[..., bool]] = {each.text: each.means for each in (*SCORED, *ONLY, *RECORD)}

#: What makes a rep one of those whom a push is for.
AMONG = (
    Condition("rep.open_leads < 2", lambda lead, rep: rep.open_leads < 2),
    Condition('rep.country != "JP"', lambda lead, rep: rep.country not in {None, "JP"}),
    Condition("lead.language in rep.languages", lambda lead, rep: lead.language in rep.languages),
)

_by = st.sampled_from(["round_robin", "weighted_round_robin", "least_open", "first_available", "best_match"])
_team = st.sampled_from(TEAMS)
_reviewers = st.sampled_from(["managers", "closers"])


def _maybe(given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | given


def _text(conditions: tuple[Condition, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([condition.text for condition in conditions])


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@st.composite
def _push(draw: st.DrawFn, *, territories: bool) -> dict[str, Any]:
    to = draw(st.sampled_from(["team", "team", "account.owner", *(["territory.owner"] if territories else [])]))
    push: dict[str, Any] = {"team": draw(_team), "by": draw(_by)} if to == "team" else {"to": to}
    return push | _without_none(
        accept_within=draw(_maybe(st.sampled_from(["3m", "30m"]))), among=draw(st.none() | _maybe(_text(AMONG)))
    )


@st.composite
def _pool(draw: st.DrawFn, *, territories: bool) -> dict[str, Any]:
    cap = draw(st.sampled_from(["2h", "6h", "24h"]))
    steps = []
    for after in draw(st.lists(st.sampled_from([20, 45, 100]), unique=True, max_size=2).map(sorted)):
        step = draw(st.one_of(_push(territories=territories).map(lambda push: {"push": push}), _review()))
        steps.append({"after": f"{after}m", **step})
    pool: dict[str, Any] = {
        "mode": draw(st.sampled_from(["pool", "pool", "queue", "cherry_pick"])),
        "order": draw(
            st.sampled_from(
                [
                    ["-score", "received_at"],
                    ["received_at"],
                    ["waiting_since"],
                    ["score", "-waiting_since"],
                    ["-employees", "received_at"],
                    ["deal_value"],
                ]
            )
        ),
        "preview": draw(
            st.sampled_from([["score"], ["company", "country", "source", "score"], ["city"], ["name", "employees"]])
        ),
        "lock": draw(st.sampled_from(["10m", "15m", "90m", None])),
        "escalate": steps,
        "assign_after": cap,
    }
    return pool | _without_none(
        reclaim_after=draw(_maybe(st.sampled_from(["30m", "3h"]))),
        teams=draw(st.sampled_from([None, None, ["closers"], ["field"], ["closers", "field"]])),
    )


def _review() -> st.SearchStrategy[dict[str, Any]]:
    return _reviewers.map(lambda queue: {"review": queue})


@st.composite
def _onward(draw: st.DrawFn, pools: list[str]) -> dict[str, Any]:
    return draw(
        st.one_of(
            st.builds(lambda team, by: {"team": team, "by": by}, _team, _by),
            st.sampled_from(pools).map(lambda pool: {"pool": pool}),
            _review(),
        )
    )


@st.composite
def _way(draw: st.DrawFn, pools: list[str], *, territories: bool) -> dict[str, Any]:
    """What a rule does with its leads; mostly it lets them wait to be claimed, which is what reps do most about."""
    kind = draw(st.sampled_from(["pull", "pull", "pull", "push", "push", "review", "nurture"]))
    match kind:
        case "pull":
            return {"pull": {"pool": draw(st.sampled_from(pools))}}
        case "push":
            push = draw(_push(territories=territories))
            return {"push": push} | _without_none(fallback=draw(_maybe(_onward(pools))))
        case "review":
            return draw(_review())
        case _:
            return {"nurture": True}


@st.composite
def _way_out(draw: st.DrawFn, pools: list[str], *, out: bool = True) -> dict[str, Any]:
    """Where leads go that no rule of the route is asked about; ``out``: it may be out."""
    aside = st.sampled_from([{"nurture": True}, {"nurture": "course"}, {"nurture": "other"}])
    return draw(st.one_of(_onward(pools), aside, *([st.just({"retire": "unqualified"})] if out else [])))


@st.composite
def _whole_life(draw: st.DrawFn, pools: list[str], policy: dict[str, Any]) -> None:
    """Questions, readiness, assessments, mails, and who must not be contacted."""
    policy["qualify"]["questions"] = {
        "budget": {"ask": "A budget?", "answers": {"yes": 40, "soon": 20, "no": -10}},
        "time": {"ask": "When?", "when": 'lead.answers.budget == "yes"', "answers": {"now": 10, "later": -20}},
    }
    policy["qualify"]["score"].append({"when": "lead.pages >= 2", "add": 30})
    if draw(st.booleans()):
        give_up = {"after": draw(st.sampled_from(["3h", "20h"])), "then": draw(_way_out(pools))}
        policy["qualify"]["ready"] = {
            "when": draw(
                st.sampled_from(["lead.score >= 40", 'lead.answers.budget == "yes"', "lead.assessment >= 50"])
            ),
            "until": draw(_way_out(pools, out=False)),
        } | _without_none(give_up=draw(_maybe(st.just(give_up))))
    letters = {"en": {"subject": "For {company}", "text": "Hello {first_name|there}"}}
    policy["nurture"] = {
        "consent": "not_refused",
        "sequences": {
            "course": {
                "steps": [{"after": after, "mail": "hello"} for after in ("30m", "2h")],
                "replied": draw(_way_out(pools)),
            }
            | _without_none(
                then=draw(_maybe(st.just({"nurture": "other"}) | _onward(pools))), when=draw(_maybe(_text(PLAIN)))
            ),
            "other": {"steps": [{"after": "1h", "mail": "hello"}]}
            | _without_none(then=draw(_maybe(st.just({"retire": "no_answer"}) | _onward(pools)))),
        },
        "mails": {"hello": letters},
    }
    policy["assessments"] = {
        "call": {
            "title": "Call",
            "questions": {"need": {"ask": "Need?", "answers": {"none": 0, "some": 50, "much": 100}}},
            "verdicts": [
                {"score": 80, "pursue": True},
                {"score": 40, "hand_over": draw(st.sampled_from([True, {"team": "field"}, {"nurture": True}]))},
                {"retire": "no_interest"},
            ],
        }
    }
    if draw(st.booleans()):
        policy["privacy"] = _without_none(
            do_not_contact=draw(_maybe(_way_out(pools))), no_consent=draw(_maybe(_way_out(pools)))
        )


@st.composite
def _fair_play(draw: st.DrawFn) -> dict[str, Any]:
    mix = st.one_of(
        st.builds(
            lambda low, share, over: {"low_below": low, "share": share, "over": over},
            st.sampled_from([30, 50]),
            st.sampled_from(["30%", "50%", "100%"]),
            st.sampled_from([2, 4, 10]),
        ),
        st.builds(
            lambda low, per_high: {"low_below": low, "per_high": per_high},
            st.sampled_from([30, 50]),
            st.sampled_from([1, 2]),
        ),
    )
    rate = st.builds(
        lambda count, per: {"count": count, "per": per}, st.sampled_from([1, 2, 5]), st.sampled_from(["10m", "2h"])
    )
    floor = st.builds(
        lambda count, per, then: {"count": count, "per": per, "then": then},
        st.sampled_from([1, 3]),
        st.sampled_from(["day", "week"]),
        st.sampled_from(["notify", "auto_assign"]),
    )
    return _without_none(
        hold_at_most=draw(_maybe(st.sampled_from([1, 2, 4]))),
        skip_at_most=draw(_maybe(st.sampled_from([1, 2, 4]))),
        mix=draw(_maybe(mix)),
        claim_rate=draw(_maybe(rate)),
        claim_at_least=draw(_maybe(floor)),
    )


@st.composite
def _tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """None at all, or from the best down to everybody else, who always see something: a workspace whose reps see nothing is dull."""
    wanted = draw(st.lists(_text(RECORD), unique=True, max_size=2))
    tiers = []
    for n, when in enumerate(wanted):
        sees = draw(st.sampled_from(["full", "preview", "none"]))
        tiers.append({"name": f"tier {n}", "when": when, "sees": sees})
    if not tiers:
        return []
    tiers.append({"name": "rest", "sees": draw(st.sampled_from(["full", "preview", "preview"]))})
    for tier in tiers:
        if tier["sees"] != "none" and (only := draw(_maybe(_text(ONLY)))):
            tier["only"] = only
    return tiers


@st.composite
def _sla(draw: st.DrawFn) -> dict[str, Any]:
    then = draw(st.sampled_from([{"reassign": 1}, {"reassign": 2, "review": "managers"}, {"review": "closers"}]))
    return {
        "first_contact": draw(st.sampled_from(["20m", "2h"])),
        "hours": draw(st.sampled_from(["always", "business"])),
        "then": then,
    } | _without_none(when=draw(_maybe(_text(SCORED))), warn=draw(_maybe(st.sampled_from(["50%", "80%"]))))


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy that can be published, as the document that YAML would make of it."""
    pools = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=3, unique=True))
    territories = draw(st.booleans())
    rules = []
    for n, when in enumerate(draw(st.lists(_text(SCORED), unique=True, max_size=3))):
        rules.append({"name": f"rule {n}", "when": when} | draw(_way(pools, territories=territories)))
    if draw(st.booleans()):
        rules.insert(0, {"name": "named", "when": "account.owner != null", "push": {"to": "account.owner"}})
    rules.append({"name": "rest", "pull": {"pool": pools[0]}})
    policy: dict[str, Any] = {
        "policy": "Drawn",
        "qualify": {
            "score": [
                {"when": "lead.employees >= 200", "add": 45},
                {"when": 'lead.source == "demo_request"', "add": 40},
                {"when": "lead.employees >= 20", "add": 20},
            ],
            "rank": {"hot": 75, "warm": 40},
        },
        "route": rules,
        "teams": {
            "closers": _without_none(
                weights=draw(_maybe(st.just({"aiko": 2.0, "budi": 0.5}))),
                open_at_most=draw(_maybe(st.sampled_from([1, 3]))),
                per_day=draw(_maybe(st.sampled_from([1, 4]))),
                catch_up=draw(_maybe(st.booleans())),
            ),
            "field": _without_none(
                open_at_most=draw(_maybe(st.sampled_from([2, 4]))),
                per_hour=draw(_maybe(st.sampled_from([1, 3]))),
                per_week=draw(_maybe(st.sampled_from([2, 6]))),
                per_month=draw(_maybe(st.sampled_from([1, 8]))),
            ),
        },
        "pools": {name: draw(_pool(territories=territories)) for name in pools},
        "fair_play": draw(_fair_play()),
        "tiers": draw(_tiers()),
    }
    if territories:
        owner = draw(st.sampled_from([{"team": "field"}, {"rep": "diego"}]))
        policy["territories"] = {"japan": {"when": 'lead.country == "JP"', "owner": owner}}
    if draw(st.booleans()):
        policy["tiering"] = {"over": draw(st.sampled_from(["2d", "30d"])), "confirm": draw(st.sampled_from([1, 2]))}
    if draw(st.booleans()):
        policy["qualify"]["stale"] = {
            "after": draw(st.sampled_from(["90m", "5h"])),
            "rank": draw(st.sampled_from(["hot", "warm", "cool"])),
            "then": draw(_onward(pools)),
        }
    if draw(st.booleans()):
        policy["sla"] = [draw(_sla()) for _ in range(draw(st.integers(1, 2)))]
    if draw(st.booleans()):
        policy["idle"] = [
            {
                "after": draw(st.sampled_from(["40m", "5h"])),
                "hours": draw(st.sampled_from(["always", "business"])),
                "then": draw(_onward(pools)),
            }
            | _without_none(when=draw(_maybe(_text(SCORED))), warn=draw(_maybe(st.just("50%"))))
        ]
    if draw(st.booleans()):
        policy["availability"] = {"away_after": draw(st.sampled_from([1, 2]))}
    if draw(st.booleans()):
        weights = [
            {"when": when, "times": times}
            for when, times in zip(draw(st.lists(_text(SCORED), unique=True, max_size=2)), (3.0, 0.33), strict=False)
        ]
        policy["credits"] = {"claim": 1.0, "convert": 10.0, "weights": weights}
    if draw(st.booleans()):
        draw(_whole_life(pools, policy))
    return policy


@dataclass(frozen=True)
class Person:
    """A rep to be: ``hours`` as a rep's column has them."""

    handle: str
    teams: tuple[str, ...]
    timezone: str
    country: str
    languages: tuple[str, ...]
    hours: dict[str, list[int]] | None


_HOURS: tuple[dict[str, list[int]] | None, ...] = (
    None,
    None,
    {str(day): [9 * 60, 18 * 60] for day in range(1, 6)},
    {str(day): [20 * 60, 28 * 60] for day in range(1, 8)},
)


@st.composite
def people(draw: st.DrawFn) -> tuple[Person, ...]:
    """Two to four reps, in one team, both or none."""
    return tuple(
        Person(
            handle,
            draw(st.sampled_from([("closers",), ("closers",), ("field",), ("closers", "field"), ()])),
            draw(st.sampled_from(["UTC", "Asia/Tokyo", "America/Mexico_City", "Pacific/Auckland"])),
            draw(st.sampled_from(["JP", "ES", ""])),
            draw(st.sampled_from([("en",), ("ja", "en"), ()])),
            draw(st.sampled_from(_HOURS)),
        )
        for handle in HANDLES[: draw(st.integers(2, 4))]
    )


#: What a lead says of itself beside its canaries.
lead_facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["webform", "demo_request", "webinar"]),
        "employees": st.sampled_from([None, 3, 40, 250]),
        "country": st.sampled_from([None, "JP", "ES"]),
        "language": st.sampled_from([None, "en", "ja"]),
        "deal_value": st.sampled_from([None, None, 500.0, 2000.0]),
        "domain": st.sampled_from([None, None, "named.example", "free.example"]),
    }
)

#: What somebody answers to the standard questions.
answers: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {}, optional={"budget": st.sampled_from(["yes", "soon", "no"]), "time": st.sampled_from(["now", "later"])}
).filter(bool)

#: What becomes known of a lead later.
later_facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "employees": st.sampled_from([3, 40, 250]),
        "country": st.sampled_from(["JP", "ES"]),
        "language": st.sampled_from(["en", "ja"]),
    },
).filter(bool)

#: How far the clock goes on at once.
steps: st.SearchStrategy[timedelta] = st.sampled_from(
    [
        timedelta(seconds=1),
        timedelta(minutes=1),
        timedelta(minutes=9, seconds=59),
        timedelta(minutes=20),
        timedelta(minutes=31),
        timedelta(minutes=100),
        timedelta(hours=6),
        timedelta(hours=25),
    ]
)


def canaries_of(number: int) -> dict[str, str]:
    """What the number-th lead holds in the fields of `CANARIES`, each found nowhere else."""
    canaries = {name: f"canary{number}x{place}" for place, name in enumerate(CANARIES)}
    return canaries | {"email": f"{canaries['email']}@mail.example"}
