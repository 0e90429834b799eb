"""A day under one of the policies in ``policies/``, played on the floor in memory and on PostgreSQL at once.

Whatever is done is done to both; what they answer, and all that they keep, has to be the same after every step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from dibs.crm.arrival import Arrival
from dibs.crm.models import Account, Lead
from dibs.distribution import policies, results
from dibs.distribution.crews import crew
from dibs.distribution.models import RepEntry
from dibs.distribution.placing import place
from dibs.engine.decision import Refusal
from dibs.engine.facts import AccountFacts, LeadFacts, RepFacts, WorkingHours
from dibs.insight.pools import pool_page
from dibs.insight.sight import lead_in_sight
from dibs.people.models import Rep
from dibs.people.tenancy import enter
from dibs.simulation.floor import Floor, FloorRep
from tests.conformance.days import Act, Happening
from tests.conformance.in_memory import InMemory
from tests.conformance.live import Live
from tests.making import make_rep, make_workspace

POLICIES = Path(__file__).parents[2] / "policies"

#: A Monday. Everybody's clock shows UTC.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def at(clock: str, day: int = 0) -> datetime:
    """The moment at which the clock shows ``"9:30"``, so many days after Monday."""
    hours, minutes = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


class ModelDay:
    """A workspace that follows a shipped policy; leads are called by names that the test gives them.

    ``teams`` holds the handles of each team's reps, ``accounts`` the owner of each company's domain, ``hours`` those between which
    everybody works, on weekdays, ``strengths`` what reps declare: ``languages``, ``industries``, ``seniority``, ``depth``.
    """

    def __init__(
        self,
        model: str,
        teams: Mapping[str, Sequence[str]],
        *,
        accounts: Mapping[str, str | None] | None = None,
        hours: tuple[int, int] | None = None,
        strengths: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.workspace = make_workspace()
        handles = sorted({handle for members in teams.values() for handle in members})
        teams_of = {rep: tuple(team for team, members in teams.items() if rep in members) for rep in handles}
        days = None if hours is None else dict.fromkeys(range(1, 6), (hours[0] * 60, hours[1] * 60))
        for rep in handles:
            kept = None if days is None else {str(day): list(span) for day, span in days.items()}
            make_rep(self.workspace, rep, teams=teams_of[rep], hours=kept, **(strengths or {}).get(rep, {}))
        self.accounts = dict(accounts or {})
        for domain, owner in self.accounts.items():
            who = Rep.objects.get(workspace=self.workspace, handle=owner) if owner else None
            Account.objects.create(workspace=self.workspace, name=domain, domain=domain, owner=who)
        text = (POLICIES / f"{model}.yaml").read_text(encoding="utf-8")
        policies.publish(self.workspace.id, text, by=None, now=MONDAY)
        active = policies.active(self.workspace.id)
        assert active is not None
        working = None if days is None else WorkingHours("UTC", days)
        reps = [
            FloorRep(
                RepFacts(rep, hours=working, **_listed((strengths or {}).get(rep, {}))), teams=frozenset(teams_of[rep])
            )
            for rep in handles
        ]
        self.floor = Floor(active.book, active.digest, reps, {team: list(members) for team, members in teams.items()})
        self.floor.retier(MONDAY)
        self.memory, self.live = InMemory(self.floor), Live(self.workspace)
        self.named: dict[str, UUID] = {}
        self.refusal: Refusal | None = None
        self._ids = Random(model)  # ties break by the lead's id: the day goes the same way each time

    # -- what happens ---------------------------------------------------------------------------------------------------

    def arrives(self, name: str, now: datetime, **facts: Any) -> str:
        """A lead comes in; returns where it is, as `where` says it."""
        lead_id = self.named[name] = UUID(int=self._ids.getrandbits(128), version=4)
        facts = {"source": "webform"} | facts
        domain = facts.get("domain")
        account = AccountFacts(domain, domain, self.accounts[domain]) if domain in self.accounts else None
        self.memory.ids.append(str(lead_id))
        self.live.ids.append(lead_id)
        self.floor.place(str(lead_id), LeadFacts(received_at=now, **facts), account, now)
        if "deal_value" in facts:
            facts["deal_value"] = Decimal(str(facts["deal_value"]))
        enter(self.workspace.id)
        place(self.workspace.id, [Arrival(received_at=now, lead_id=lead_id, **facts)], now=now)
        self._agree(name)
        return self.where(name)

    def learns(self, name: str, now: datetime, **facts: Any) -> str:
        """More is known of a lead; returns where it is."""
        self._both(Happening(now, "enrich", lead=self.live.ids.index(self.named[name]), facts=facts))
        return self.where(name)

    def do(self, act: Act, rep: str, name: str, now: datetime) -> str:
        """``claimed`` or ``done``, or the code of what stands in the way, which `refusal` then holds in full."""
        return self._both(Happening(now, act, lead=self.live.ids.index(self.named[name]), rep=rep))

    def claim(self, rep: str, name: str, now: datetime) -> str:
        """A rep wants this very lead. ``unseen``: for the rep there is no such lead."""
        return self.do("claim", rep, name, now)

    def next(self, rep: str, pool: str, now: datetime) -> str:
        """A rep asks for the next lead; returns its name, the code of a refusal, or ``empty``."""
        told = self._both(Happening(now, "next", rep=rep, pool=pool)).removeprefix("claimed ")
        return next((name for name, lead_id in self.named.items() if str(lead_id) == told), told)

    def works(self, rep: str, name: str, now: datetime, *, wins: bool | None = None) -> None:
        """The rep contacts a lead that is theirs and, if ``wins`` says so, brings it to an end a minute later."""
        assert self.do("contact", rep, name, now) == "done"
        if wins is not None:
            assert self.do("convert" if wins else "retire", rep, name, now + timedelta(minutes=1)) == "done"

    def given(self, rep: str, name: str, now: datetime) -> None:
        """A manager gives the lead to the rep."""
        assert self.do("assign", rep, name, now) == "done"

    def is_away(self, rep: str) -> None:
        """The rep takes no leads for now."""
        self.memory.is_available(rep, False)
        Rep.objects.filter(workspace=self.workspace, handle=rep).update(available=False)

    def passes(self, now: datetime) -> None:
        """Time has come to here: what is due is done, until nothing is."""
        for _ in range(20):
            if self._both(Happening(now, "tick")) == "still":
                return
        raise AssertionError("time goes round and round")

    def looks_at_floors(self, now: datetime) -> None:
        """Who claims too few?"""
        self._both(Happening(now, "floors"))

    def counts_results(self, now: datetime) -> None:
        """How did leads end lately?"""
        self.floor.count_results(now)
        enter(self.workspace.id)
        results.count(self.workspace.id, now)
        assert crew(self.workspace.id, now).roster.results == self.floor.results

    def looks_at_tiers(self, now: datetime) -> None:
        """Who is in which tier?"""
        self._both(Happening(now, "retier"))

    # -- what is so -----------------------------------------------------------------------------------------------------

    def where(self, name: str) -> str:
        """``pool inbound``, ``owned aiko``, ``offered budi``, ``working carmen``, ``review``, ``converted``, ``retired``."""
        clock = self.floor.leads[str(self.named[name])].clock
        match clock.state:
            case "pooled":
                return f"pool {clock.pool}"
            case "owned" | "offered" | "working":
                return f"{clock.state} {clock.owner}"
            case state:
                return str(state)

    def holder(self, name: str) -> str:
        """Whose the lead is, or to whom it is offered."""
        owner = self.floor.leads[str(self.named[name])].clock.owner
        assert owner is not None
        return owner

    def sees(self, rep: str, pool: str, now: datetime) -> dict[str, dict[str, Any]] | None:
        """What the rep finds in the pool: leads by name with the fields that are shown; ``None``: there is no such pool."""
        page = pool_page(self.live.callers[rep], pool, now=now, limit=1000)
        if page is None:
            return None
        names = {lead_id: name for name, lead_id in self.named.items()}
        return {names[lead["id"]]: dict(lead) for lead in page.items}

    def reads(self, rep: str, name: str, now: datetime) -> dict[str, Any]:
        """What the rep sees on the lead's own page."""
        seen = lead_in_sight(self.live.callers[rep], self.named[name], now)
        return dict(seen or {})

    def reviewed_by(self, name: str) -> str | None:
        """Whose review list the lead is on: a team's managers, or ``managers`` for all."""
        enter(self.workspace.id)
        return Lead.objects.values_list("review", flat=True).get(id=self.named[name])

    def standing(self, rep: str) -> Any:
        """The rep's counters."""
        return self.floor.reps[rep].standing

    def tiers(self) -> dict[str, str | None]:
        """Everybody's tier."""
        return {rep: state.tier for rep, (state, _, _) in self.memory.tiers().items()}

    def log_of(self, rep: str, kind: str) -> list[dict[str, Any]]:
        """What the rep's own log says: the parameters of each line's first reason."""
        enter(self.workspace.id)
        lines = RepEntry.objects.filter(rep__handle=rep, kind=kind).order_by("at")
        return [line.reasons[0]["params"] | {"code": line.reasons[0]["code"]} for line in lines]

    def credits(self) -> dict[tuple[str, str], float]:
        """Points earned, by rep and lead."""
        names = {str(lead_id): name for name, lead_id in self.named.items()}
        points: dict[tuple[str, str], float] = {}
        for credit in self.memory.credits():
            rep, lead, _, earned, _ = credit
            points[rep, names[lead]] = points.get((rep, names[lead]), 0) + earned
        return points

    # -- both of them ---------------------------------------------------------------------------------------------------

    def _both(self, happening: Happening) -> str:
        enter(self.workspace.id)
        told = self.memory.do(happening), self.live.do(happening)
        assert told[0] == told[1], happening
        assert self.memory.refusal == self.live.refusal or told[0] == "unseen", happening
        self.refusal = self.live.refusal
        self._agree(happening)
        return told[0]

    def _agree(self, after: object) -> None:
        enter(self.workspace.id)
        assert self.memory.leads() == self.live.leads(), after
        assert _of(self.memory.standings(), kept := self.live.standings()) == kept, after
        assert _of(self.memory.tiers(), tiers := self.live.tiers()) == tiers, after
        assert self.memory.turns() == self.live.turns(), after
        assert self.memory.credits() == self.live.credits(), after


def _listed(strengths: Mapping[str, Any]) -> dict[str, Any]:
    """What a rep declares, as facts hold it: lists become tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in strengths.items()}


def _of(memory: dict[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Of those whom the database has a row for: it begins one with the first that there is to keep."""
    return {rep: value for rep, value in memory.items() if rep in kept}
