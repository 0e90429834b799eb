"""Plays the last days of the sample workspace: leads come in, reps claim, contact, lapse and win, managers review.

Everything goes through the same functions the product uses, with moments of the past for ``now``; nothing here writes a
lead. Chance comes from a seed, so the same sample can be played again.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.cli.conversations import Conversations, worth
from dibs.crm.arrival import Arrival
from dibs.distribution import acting, choices, claiming, floors, placing, policies, results, samples, ticking, tiering
from dibs.engine import claim as judge
from dibs.engine.calendar import at_work, next_start
from dibs.engine.facts import LeadFacts, RepFacts, WorkingHours
from dibs.people.caller import Caller
from dibs.simulation.people import Manner, SyntheticRep

#: How finely the past is played: in rough steps while it is far away, fine ones where waiting times are looked at.
_ROUGH, _COARSE, _FINE = timedelta(minutes=30), timedelta(minutes=6), timedelta(minutes=2)
_COARSE_FROM, _FINE_FROM = timedelta(hours=11), timedelta(minutes=60)
#: How often is looked at what a worker would look at (tiers, claim floors, how the pools stand), far away and lately.
_WATCH_ROUGHLY, _WATCH = timedelta(hours=6), timedelta(minutes=30)

#: With so many leads in sight a rep claims at their usual pace; with fewer slower, with more up to twice as fast.
_USUAL_LINE = 12
#: How many leads a manager settles on each look at the review list, which is now and then, and how many are left for later.
_REVIEWS, _LEFT = 6, 7

#: Why reps give leads up, as often as they do.
_RETIRE = (("no_answer", 5), ("no_interest", 4), ("not_a_fit", 3), ("cannot_verify", 1), ("duplicate", 1), ("spam", 1))
_CONTACT = (("call", 6), ("mail", 3), ("message", 2), ("meeting", 1))


@dataclass(slots=True)
class Played:
    """How often what was done."""

    claimed: int = 0
    contacted: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Player:
    """A rep at the keyboard, the newest of them only ``since`` lately."""

    caller: Caller
    rep: SyntheticRep
    since: datetime | None = None

    @property
    def manner(self) -> Manner:
        return self.rep.manner

    @property
    def hours(self) -> WorkingHours:
        return WorkingHours(timezone=self.rep.timezone, days=self.rep.hours)

    def at_work(self, now: datetime) -> bool:
        """Whether the rep sits there now."""
        return (self.since is None or self.since <= now) and at_work(self.hours, now)


@dataclass(order=True, slots=True)
class _Plan:
    """What a rep means to do with a lead, and when."""

    at: datetime
    order: int
    act: str = field(compare=False)
    player: Player = field(compare=False)
    lead: UUID = field(compare=False)


#: A lead in a pool: id, pool, score, waiting since.
_Waiting = tuple[Any, ...]


def _step(left: timedelta) -> timedelta:
    """How far to go on, when so much is left to play."""
    return _FINE if left <= _FINE_FROM else _COARSE if left <= _COARSE_FROM else _ROUGH


class Playback:
    """One workspace's past, from the first arrival to ``until``. The connection must be in the workspace."""

    def __init__(self, workspace_id: UUID, players: Sequence[Player], managers: Sequence[Caller], seed: str) -> None:
        self.workspace_id = workspace_id
        self.players = {player.caller.rep_id: player for player in players}
        self.managers = managers
        self.random = Random(f"playback:{seed}")
        self.played = Played()
        self._plans: list[_Plan] = []
        self._order = itertools.count()
        self._noticed: set[tuple[UUID, UUID, str]] = set()
        #: The last decision that was made when reps last looked at what they have.
        self._looked_up_to = UUID(int=0)
        active = policies.active(workspace_id)
        assert active is not None
        self._book = active.book
        self._talks = Conversations(active.book.policy, self.random)
        self._queues = {name for name, pool in active.book.policy.pools.items() if pool.mode == "queue"}
        self._opened = {name for name, pool in active.book.policy.pools.items() if pool.mode == "cherry_pick"}
        #: Of the pools that each rep may claim from, the scores that a tier shows the rep; and in which tier each rep is.
        self._sights: dict[tuple[UUID | None, str | None], dict[str, frozenset[int]]] = {}
        self._tiers: dict[UUID, str | None] = {}
        self._watched_at: datetime | None = None

    def play(self, arrivals: Sequence[Arrival], until: datetime) -> Played:
        """``arrivals`` oldest first. Afterwards every lead stands where it would, had all this happened live."""
        moment, placed = arrivals[0].received_at, 0
        self._watch(moment, _WATCH)
        while moment < until:
            before = moment
            moment = min(until, moment + _step(until - moment))
            batch = arrivals[placed : bisect_right(arrivals, moment, key=lambda arrival: arrival.received_at)]
            placed += len(batch)
            if batch:
                placing.place(self.workspace_id, batch, now=moment)
            self._carry_out(moment)
            self._let_time_pass(moment)
            if moment - before >= _COARSE and self.random.random() < 0.15:
                self._review(moment)
            self._watch(moment, _WATCH if until - moment < _COARSE_FROM else _WATCH_ROUGHLY)
            then = moment
            if moment - before > _COARSE:
                # Far away, where a step is long: offers are seen at once, and what came is not claimed in the same second.
                self._notice(moment)
                then += self._a_while()
            self._claim(moment - before, then)
            self._notice(then)
        self._talks.go_on([player.caller for player in self.players.values()], until)
        # Nothing was ever counted of these tables, and by guesses alone what was on offer at each claim is worked out ten times as slowly.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE crm_lead, distribution_decision")
        choices.watch(self.workspace_id, until)
        return self.played

    # -- time and managers ------------------------------------------------------------------------------------------

    def _let_time_pass(self, now: datetime) -> None:
        """What the worker's ticks would have done in the meantime, in this workspace alone."""
        due = self._ids("due_at <= %s ORDER BY due_at", now)
        ticking.settle(self.workspace_id, due, now)

    def _watch(self, now: datetime, every: timedelta) -> None:
        """What the worker would have looked at since: who is in which tier, who claims too few, how the pools stand."""
        if self._watched_at is not None and now - self._watched_at < every:
            return
        self._watched_at = now
        moved = tiering.retier_all(self.workspace_id, now)
        floors.look_at_floors(self.workspace_id, now)
        samples.sample(self.workspace_id, now)
        results.count(self.workspace_id, now)
        if moved or not self._sights:
            self._look_around()

    def _review(self, now: datetime) -> None:
        """A manager looks at what came to review: gives some to reps, sends some back, gives up the rest."""
        manager = self.random.choice(self.managers)
        at_desk = [player.caller.handle for player in self.players.values() if player.at_work(now)]
        in_review = self._ids("state = 'review' ORDER BY waiting_since DESC")
        for lead in in_review[_LEFT:][-_REVIEWS:]:
            chance = self.random.random()
            if chance < 0.4 and at_desk:
                acting.assign(manager, lead, self.random.choice(at_desk) or "", now, why="has room for it")
            elif chance < 0.6:
                acting.return_to_pool(manager, lead, "inbound", now, why="worth another try")
            else:
                acting.retire(manager, lead, now, why="not_a_fit")

    # -- reps -------------------------------------------------------------------------------------------------------

    def _claim(self, span: timedelta, now: datetime) -> None:
        """Each rep at work claims as often in such a span as is their manner, from the pools they see."""
        there = [player for player in self.players.values() if player.at_work(now)]
        if not there:
            return
        waiting = self._rows("SELECT id, pool, score, waiting_since FROM crm_lead", "state = 'pooled' ORDER BY id")
        hours = span / timedelta(hours=1)
        for player in there:
            pressure = min(2.0, len(self._in_sight(player, waiting)) / _USUAL_LINE)
            wished = player.manner.claims_an_hour * hours * pressure
            for _ in range(math.floor(wished) + (self.random.random() < wished % 1)):
                taken = self._claim_one(player, waiting, now)
                if taken is None:
                    break
                waiting.remove(taken)
                self.played.claimed += 1

    def _claim_one(self, player: Player, waiting: Sequence[_Waiting], now: datetime) -> _Waiting | None:
        """The lead the rep got, or ``None``. Where the rules ask for a low one first, the lowest in sight is tried."""
        seen = self._in_sight(player, waiting)
        if not seen:
            return None
        best, oldest = max(seen, key=lambda lead: lead[2]), min(seen, key=lambda lead: lead[3])
        chosen = best if self.random.random() < player.manner.picky else oldest
        mix = self._book.policy.fair_play.mix
        low = [lead for lead in seen if mix is not None and lead[2] < mix.low_below]
        if low and self.random.random() < player.manner.fair:
            chosen = min(low, key=lambda lead: lead[3])
        self._look_first(player, seen, chosen, now)
        if chosen[1] in self._queues:
            answer = claiming.claim_next(player.caller, chosen[1], now)
        else:
            answer = claiming.claim_lead(player.caller, chosen[0], now)
        if isinstance(answer, claiming.Refused) and answer.refusal.code == "mix":
            lowest = min(seen, key=lambda lead: lead[2])
            answer = claiming.claim_lead(player.caller, lowest[0], now)
        if not isinstance(answer, claiming.Claimed):
            return None
        return next((lead for lead in waiting if lead[0] == answer.lead["id"]), None)

    def _look_first(self, player: Player, seen: Sequence[_Waiting], chosen: _Waiting, now: datetime) -> None:
        """What a rep looks at before taking one: now and then another lead, and where details come by opening, a few of them."""
        if self.random.random() < 0.05:
            acting.skip(player.caller, self.random.choice(seen)[0], now)
        if chosen[1] in self._opened and self.random.random() < 0.5:
            others = [lead for lead in seen if lead[1] == chosen[1]]
            acting.open_lead(player.caller, self.random.choice(others)[0], now)

    def _in_sight(self, player: Player, waiting: Iterable[_Waiting]) -> list[_Waiting]:
        rep_id = player.caller.rep_id
        shown = self._sights[rep_id, self._tiers.get(rep_id) if rep_id else None]
        return [lead for lead in waiting if lead[2] in shown.get(lead[1], ())]

    def _look_around(self) -> None:
        """What each rep sees now: the pools of their teams, and of these what their tier shows."""
        self._tiers = {rep_id: kept.state.tier for rep_id, kept in tiering.kept_tiers(self.workspace_id).items()}
        for rep_id, player in self.players.items():
            tier = self._tiers.get(rep_id) if rep_id else None
            if (rep_id, tier) in self._sights:
                continue
            rep = RepFacts(player.caller.handle or "", tier=tier)
            shown = {}
            for pool in self._book.policy.pools:
                sight = judge.sight(self._book, rep, player.caller.teams, pool)
                if sight.level != "none":
                    only, book = sight.only, self._book
                    shown[pool] = frozenset(
                        score
                        for score in range(1, 101)
                        if only is None or only.holds(book.activation(LeadFacts(score=score), rep=rep))
                    )
            self._sights[rep_id, tier] = shown

    def _notice(self, now: datetime) -> None:
        """Reps see what they now have, claimed or pushed to them, and mean to do something about it."""
        # Of those about which something was decided since the last look: while all of it is one transaction, each version that a lead
        # had is in its table still, and to look through that was two thirds of what the database did.
        decided = self._rows("SELECT id, lead_id FROM distribution_decision", "id > %s", self._looked_up_to)
        if not decided:
            return
        self._looked_up_to = max(decision for decision, _ in decided)
        held = self._rows(
            "SELECT id, owner_id, state, lock_expires_at FROM crm_lead",
            "id = ANY(%s) AND state IN ('owned', 'offered') AND contacted_at IS NULL ORDER BY id",
            list({lead for _, lead in decided}),
        )
        for lead, owner, state, lock in held:
            if (lead, owner, state) in self._noticed:
                continue
            self._noticed.add((lead, owner, state))
            player = self.players[owner]
            starts = next_start(player.hours, now) or now
            if state == "offered":
                chance = self.random.random()
                if chance < 0.93:
                    self._plan("accept" if chance < 0.88 else "reject", player, lead, now + self._about(1.5))
            elif lock is None or self.random.random() < player.manner.contacts:
                self._plan("contact", player, lead, starts + self._about(player.manner.minutes_to_contact))
            elif self.random.random() < 0.25:
                self._plan("release", player, lead, now + self._about(5))

    def _carry_out(self, now: datetime) -> None:
        """Do what was planned up to now, each thing at its own moment."""
        while self._plans and self._plans[0].at <= now:
            plan = heapq.heappop(self._plans)
            done = self._do(plan)
            if not isinstance(done, acting.Acted):
                continue  # it lapsed, or a manager was quicker
            if plan.act == "contact":
                self.played.contacted += 1
                if self._talks.after_contact(plan.player.caller, plan.lead, plan.at):
                    self._plan_the_end(plan, worth(done.lead))
            elif plan.act in {"convert", "retire"}:
                self.played.ended += 1

    def _do(self, plan: _Plan) -> acting.Answer:
        caller, lead, at = plan.player.caller, plan.lead, plan.at
        match plan.act:
            case "contact":
                return acting.contact(caller, lead, at, kind=self._one_of(_CONTACT))
            case "accept":
                return acting.accept(caller, lead, at)
            case "reject":
                return acting.reject(caller, lead, at)
            case "release":
                return acting.release(caller, lead, at)
            case "retire":
                return acting.retire(caller, lead, at, why=self._one_of(_RETIRE))
            case _:
                amount = Decimal(round(self.random.lognormvariate(8, 0.9), -2))
                return self._talks.convert(caller, lead, at, amount)

    def _plan_the_end(self, contacted: _Plan, worth: float) -> None:
        player, lead = contacted.player, contacted.lead
        chance = self.random.random()
        if chance < player.manner.wins * worth:
            self._plan("convert", player, lead, contacted.at + self._about(75))
        elif chance < 0.75:
            self._plan("retire", player, lead, contacted.at + self._about(45))

    def _plan(self, act: str, player: Player, lead: UUID, at: datetime) -> None:
        heapq.heappush(self._plans, _Plan(at, next(self._order), act, player, lead))

    # -- chance and reading -----------------------------------------------------------------------------------------

    def _a_while(self) -> timedelta:
        """Some minutes, shorter than a rough step and than the first thing that happens to a lead that waits."""
        return timedelta(minutes=self.random.uniform(2, 14))

    def _about(self, minutes: float) -> timedelta:
        """A stretch of time with this median and a tail."""
        return timedelta(minutes=minutes * self.random.lognormvariate(0, 0.6))

    def _one_of(self, weighted: Iterable[tuple[str, int]]) -> str:
        words, weights = zip(*weighted, strict=True)
        return str(self.random.choices(words, weights)[0])

    def _rows(self, select: str, where: str, *values: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"{select} WHERE workspace_id = %s AND {where}", [self.workspace_id, *values])
            return list(cursor.fetchall())

    def _ids(self, where: str, *values: Any, limit: int = 10_000) -> list[UUID]:
        return [row[0] for row in self._rows("SELECT id FROM crm_lead", f"{where} LIMIT {limit}", *values)]
