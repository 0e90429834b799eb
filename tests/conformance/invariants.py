"""What must hold after every step, said once more without the engine: from the policy's document, from what is stored and from what
happened so far.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db import connection

from dibs.engine.lifecycle import TRANSITIONS
from dibs.people.tenancy import enter
from tests.concurrency.truths import assert_true
from tests.conformance.drawn import MEANS, Person

HELD = frozenset({"offered", "owned", "working"})
#: Why a lead is taken off its rep other than for a time that ran out.
TAKEN = frozenset({"idle", "territory_changed", "stale", "gave_up", "assessed_to"})
#: Kinds of decision after which a lead is where it was.
STILL = frozenset({"enriched", "touched", "helped", "warned", "skipped", "opened", "mailed", "dealt"})
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Lead:
    """A lead as it stands. ``facts`` and ``clock`` are the floor's, which the service's have been compared with."""

    facts: Any
    clock: Any
    version: int

    def waits(self, now: datetime) -> bool:
        """Whether it can be claimed: it is in a pool, or would be if the worker had come by; its lock ran out without a contact."""
        clock = self.clock
        ran_out = clock.lock_expires_at is not None and clock.lock_expires_at <= now
        return clock.state == "pooled" or (clock.state == "owned" and ran_out)


Leads = Mapping[str, Lead]


@dataclass(frozen=True)
class Entry:
    """A line of the log. ``rep`` is who has the lead now, or had it."""

    lead: str
    kind: str
    before: str
    after: str
    rep: str | None
    reasons: list[dict[str, Any]]


@dataclass
class Claim:
    """A claim that was granted, under which policy of those there have been. ``undone``: the lead was given up before its first contact."""

    at: datetime
    policy: int
    score: int
    undone: bool = False


@dataclass
class Past:
    """What happened so far, as far as it matters for what may happen next; by rep and lead, by rep, or by lead."""

    published_at: datetime
    policies: int = 1
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    #: The scores of what a rep chose and did not give up.
    recent: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    skips: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    #: Who had a lead and did not keep it, and when they last let it lapse or gave it back untouched.
    had: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    had_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    #: Of these, when it was not with skips too many, so that it stays before them in a queue.
    behind_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    #: The skips before the claims since a rep's last contact; and by lead the claim by which who has it came to it.
    kept_skips: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    claim_of: dict[str, Claim] = field(default_factory=dict)
    #: By lead, who gave it up having claimed and not contacted it, and that claim.
    buried: dict[str, tuple[str, Claim]] = field(default_factory=dict)
    skipped_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    opened_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    given: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    given_at: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    touched_at: dict[str, datetime] = field(default_factory=dict)

    def since_claim(self, moments: Mapping[tuple[str, str], datetime], rep: str, lead: str) -> bool:
        """Whether this happened after the rep's last claim."""
        at, claims = moments.get((rep, lead)), self.claims[rep]
        return at is not None and (not claims or at > claims[-1].at)


@dataclass(frozen=True)
class Floor:
    """What the rules are and who is there, as a step finds it. ``tiers``: the name of each rep's tier."""

    policy: Mapping[str, Any]
    people: Mapping[str, Person]
    tiers: Mapping[str, str | None]
    past: Past
    now: datetime

    # -- who sees what --------------------------------------------------------------------------------------------------

    def pool(self, name: str | None) -> Mapping[str, Any] | None:
        rules: Mapping[str, Any] | None = self.policy["pools"].get(name)
        return rules

    def level(self, rep: str, pool: str | None) -> str:
        """``full``, ``preview``, ``opens`` (a preview of what can be opened) or ``none``."""
        rules = self.pool(pool)
        if rules is None or ("teams" in rules and not set(rules["teams"]) & set(self.people[rep].teams)):
            return "none"
        tier = self._tier(rep)
        sees = "full" if not self.policy["tiers"] else tier["sees"] if tier else "none"
        if sees == "none":
            return "none"
        if rules["mode"] != "cherry_pick" or sees == "preview":
            return "preview"
        return "opens" if "skip_at_most" in self.policy["fair_play"] else "full"

    def admits(self, rep: str, lead: Lead) -> bool:
        """Whether the rep's tier lets them see this lead."""
        tier = self._tier(rep)
        return tier is None or "only" not in tier or MEANS[tier["only"]](lead.facts, self.people[rep])

    def _tier(self, rep: str) -> Mapping[str, Any] | None:
        return next((tier for tier in self.policy["tiers"] if tier["name"] == self.tiers.get(rep)), None)

    def line(self, leads: Leads, pool: str, rep: str) -> list[str]:
        """The leads of a pool that the rep can see if none is hidden, in its order; of a queue without those behind the rep."""
        rules = self.pool(pool)
        assert rules is not None
        there = [
            lead_id
            for lead_id, lead in leads.items()
            if lead.clock.pool == pool and lead.waits(self.now) and self.admits(rep, lead)
        ]
        if rules["mode"] == "queue":
            there = [lead_id for lead_id in there if not self._behind(rules, rep, lead_id, leads[lead_id])]
        there.sort()
        for key in reversed(rules["order"]):
            there.sort(key=lambda lead_id: _place(leads[lead_id], key.lstrip("-")), reverse=key.startswith("-"))
        return there

    def _behind(self, rules: Mapping[str, Any], rep: str, lead_id: str, lead: Lead) -> bool:
        if self.past.since_claim(self.past.skipped_at, rep, lead_id):
            return True
        had_at = self.past.behind_at.get((rep, lead_id))
        if lead.clock.owner == rep:
            had_at = lead.clock.lock_expires_at
        return had_at is not None and had_at + span(rules.get("reclaim_after")) > self.now

    def shows(self, leads: Leads, lead_id: str, rep: str) -> frozenset[str] | None:
        """The fields of a lead that the rep may see, ``*`` for all of them; ``None``: not even that there is such a lead."""
        lead = leads[lead_id]
        clock = lead.clock
        if not lead.waits(self.now):
            return frozenset("*") if clock.owner == rep else None
        level = self.level(rep, clock.pool)
        if level == "none" or not self.admits(rep, lead):
            return None
        rules = self.pool(clock.pool)
        assert rules is not None
        if rules["mode"] == "queue" and self.line(leads, clock.pool, rep)[:1] != [lead_id]:
            return None
        opened = level == "opens" and self.past.since_claim(self.past.opened_at, rep, lead_id)
        return frozenset("*") if level == "full" or opened else frozenset(rules["preview"])

    def low_score_in_sight(self, leads: Leads, rep: str, low_below: int) -> bool:
        for pool in self.policy["pools"]:
            if self.level(rep, pool) == "none" or self.policy["pools"][pool]["mode"] == "queue":
                continue
            if any(leads[lead_id].facts.score < low_below for lead_id in self.line(leads, pool, rep)):
                return True
        return False

    # -- what may have happened -----------------------------------------------------------------------------------------

    def check_claim(self, rep: str, lead_id: str, before: Leads, after: Leads) -> None:
        """A claim that was granted broke no rule."""
        taken, fair = after[lead_id], self.policy["fair_play"]
        assert before[lead_id].waits(self.now), "somebody had it"
        # Where its lock had run out and its pool is no more, it came to another one before it was claimed.
        clock = replace(before[lead_id].clock, pool=taken.clock.pool, waiting_since=taken.clock.waiting_since)
        lead = Lead(taken.facts, clock, taken.version)
        before, rules = {**before, lead_id: lead}, self.pool(clock.pool)
        assert rules is not None
        assert self.level(rep, lead.clock.pool) != "none", "out of sight"
        assert self.admits(rep, lead), "not of the rep's tier"
        had_at = self.past.had_at.get((rep, lead_id))
        if lead.clock.owner == rep:
            had_at = lead.clock.lock_expires_at
        if had_at is not None:
            assert had_at + span(rules.get("reclaim_after")) <= self.now, "too soon again"
        if rules["mode"] == "queue":
            assert self.line(before, lead.clock.pool, rep)[0] == lead_id, "number 47 while 23 waits"
        if "hold_at_most" in fair:
            held = [
                each for each in after.values() if each.clock.owner == rep and each.clock.state in HELD - {"working"}
            ]
            assert len(held) <= fair["hold_at_most"], "holds too many"
        claims = self.past.claims[rep]
        if "claim_rate" in fair:
            since = self.now - span(fair["claim_rate"]["per"])
            counted = [claim for claim in claims if claim.at > since and claim.policy == self.past.policies]
            assert len(counted) < fair["claim_rate"]["count"], "too fast"
        score = after[lead_id].facts.score
        if "mix" in fair and rules["mode"] != "queue" and score >= fair["mix"]["low_below"]:
            low_owed = self._owes_low(fair["mix"], self.past.recent[rep])
            assert not low_owed or not self.low_score_in_sight(before, rep, fair["mix"]["low_below"]), "the mix"

    @staticmethod
    def _owes_low(mix: Mapping[str, Any], scores: list[int]) -> bool:
        low_below = mix["low_below"]
        if "per_high" in mix:
            last_high = max((n for n, score in enumerate(scores) if score >= low_below), default=None)
            return last_high is not None and len(scores) - 1 - last_high < mix["per_high"]
        window = scores[-(mix["over"] - 1) :]
        share = float(mix["share"].rstrip("%")) / 100
        return sum(score < low_below for score in window) < floor(share * (len(window) + 1) + 1e-9)

    def check_look(self, rep: str, before: Leads) -> None:
        """A lead's details were opened or a lead passed over within the limit, and since the last contact within that and one for each
        lead that is held."""
        limit = self.policy["fair_play"].get("skip_at_most")
        if limit is not None:
            held = sum(lead.clock.owner == rep and lead.clock.state in HELD - {"working"} for lead in before.values())
            kept = self.past.kept_skips[rep]
            assert self.past.skips[rep] < limit, "looked at too many"
            assert not kept or self.past.skips[rep] + kept < limit + held, "gave back too many"

    def check_log(self, log: Iterable[Entry], before: Leads, after: Leads, by_name: bool) -> None:
        """What was decided follows what was, and nobody is given what they did not keep. ``by_name``: by a manager."""
        log = list(log)
        state = {lead_id: lead.clock.state for lead_id, lead in before.items()}
        owner = {lead_id: lead.clock.owner for lead_id, lead in before.items()}
        pushed: dict[str, list[str | None]] = defaultdict(list)
        for entry in log:
            assert entry.before == state.get(entry.lead, "new"), entry
            if entry.kind not in STILL:
                assert entry.after in TRANSITIONS[entry.before].get(entry.kind, ()), entry  # type: ignore[index]
            was = owner.get(entry.lead)
            if entry.kind in {"lapsed", "reassigned", "rejected", "released"}:
                assert was is not None
                self.past.had[entry.lead].add(was)
            has = entry.rep if entry.after in HELD else None
            given = entry.kind in {"placed", "escalated", "aged", "lapsed", "rejected", "released", "reassigned"}
            given = given or entry.kind in {"requalified", "assigned", "freed"}
            if has is not None and given:
                assert by_name or has not in self.past.had[entry.lead], f"{has} had it"
                chosen = next((reason for reason in entry.reasons if reason["code"] == "chosen"), None)
                pushed[has].append(chosen["params"]["team"] if chosen else None)
                self.past.given[has, self._today(has)] += 1
                self.past.given_at[has].append(self.now)
            state[entry.lead], owner[entry.lead] = entry.after, has
        for rep, teams in pushed.items():
            self._check_caps(rep, teams, after)
        for lead_id, lead in after.items():
            assert state.get(lead_id, "new") == lead.clock.state, lead_id

    def _check_caps(self, rep: str, teams: list[str | None], after: Leads) -> None:
        """A rep to whom a team pushed is within the team's caps; what is theirs by name, or assigned, is beside them."""
        if None in teams:
            return
        for team in teams:
            rules = self.policy["teams"].get(team, {})
            if "open_at_most" in rules:
                has = sum(lead.clock.owner == rep and lead.clock.state in HELD for lead in after.values())
                assert has <= rules["open_at_most"], "more than the team's cap"
            if "per_day" in rules:
                assert self.past.given[rep, self._today(rep)] <= rules["per_day"], "more than the team's cap for a day"
            today = self._today(rep)
            days = {day: count for (each, day), count in self.past.given.items() if each == rep}
            monday = today - timedelta(days=today.weekday())
            this_week = sum(count for day, count in days.items() if day >= monday)
            assert this_week <= rules.get("per_week", this_week), "more than the team's cap for a week"
            this_month = sum(count for day, count in days.items() if day >= today.replace(day=1))
            assert this_month <= rules.get("per_month", this_month), "more than the team's cap for a month"
            this_hour = sum(at > self.now - timedelta(hours=1) for at in self.past.given_at[rep])
            assert this_hour <= rules.get("per_hour", this_hour), "more than the team's cap for an hour"

    def _today(self, rep: str) -> date:
        return self.now.astimezone(ZoneInfo(self.people[rep].timezone)).date()

    def check_waiting(self, leads: Leads) -> None:
        """Every lead that waits will be looked at before it is over its age cap, or was over it when it or its policy last changed."""
        for lead_id, lead in leads.items():
            if lead.clock.state == "pooled":
                rules = self.pool(lead.clock.pool)
                cap = lead.clock.waiting_since + span(rules["assign_after"]) if rules else self.now
                latest = max(cap, self.past.touched_at[lead_id], self.past.published_at)
                assert lead.clock.due_at is not None, lead_id
                assert lead.clock.due_at <= latest, lead_id

    def check_nothing_waits_too_long(self, leads: Leads) -> None:
        """With the worker done, no lead is over its age cap."""
        for lead_id, lead in leads.items():
            if lead.clock.state == "pooled":
                rules = self.pool(lead.clock.pool)
                assert rules is not None, lead_id
                assert lead.clock.waiting_since + span(rules["assign_after"]) > self.now, lead_id

    def check_standings(self, leads: Leads, standings: Mapping[str, Any]) -> None:
        """The counters say what the leads say."""
        for rep, standing in standings.items():
            mine = [lead.clock for lead in leads.values() if lead.clock.owner == rep and lead.clock.state in HELD]
            assert standing.open_leads == len(mine), rep
            assert standing.holding == sum(clock.state != "working" for clock in mine), rep
            assert standing.skips == self.past.skips[rep], rep
            assert standing.kept_skips == self.past.kept_skips[rep], rep
            claims = [claim for claim in self.past.claims[rep] if not claim.undone]
            zone = ZoneInfo(self.people[rep].timezone)
            days = [claim.at.astimezone(zone).date() for claim in claims]
            assert standing.claims_today == days.count(standing.day), rep
            assert standing.claims_this_week == sum(day - timedelta(day.weekday()) == standing.week for day in days), (
                rep
            )
            assert list(standing.recent) == self.past.recent[rep], rep
            assert standing.floor_on is None or standing.floor_on <= self._today(rep), rep

    # -- what is remembered ---------------------------------------------------------------------------------------------

    def remember(self, log: Iterable[Entry], before: Leads, after: Leads) -> Iterator[Entry]:
        """Each entry, to be looked at before it is remembered: a lock that ran out is, before its lead is claimed again."""
        owner = {lead_id: lead.clock.owner for lead_id, lead in before.items()}
        for entry in log:
            yield entry
            was, rep = owner.get(entry.lead), entry.rep
            missed = any(reason["code"] == "sla_missed" for reason in entry.reasons)
            if was is not None and (entry.kind == "lapsed" or (entry.kind == "reassigned" and missed)):
                # Whenever the worker comes by: it lapsed when its lock ended.
                at = before[entry.lead].clock.lock_expires_at or self.now
                self.past.had_at[was, entry.lead] = self.past.behind_at[was, entry.lead] = at
            if was is not None and entry.kind == "released" and entry.before == "owned":
                self.past.had_at[was, entry.lead] = self.now
                if entry.lead not in self.past.claim_of or self._may_skip_one_more(was):
                    self.past.behind_at[was, entry.lead] = self.now
            if was is not None and entry.kind == "reopened":
                self._come_back(entry, was, before[entry.lead])
            elif was is not None:
                self._settle_claim(entry, was, before[entry.lead].clock.pool)
            if rep is not None and entry.kind == "claimed":
                taken = after[entry.lead]
                rules = self.pool(taken.clock.pool)
                assert rules is not None
                claim = Claim(self.now, self.past.policies, taken.facts.score)
                if rules["mode"] != "queue":
                    self.past.recent[rep].append(claim.score)
                self.past.claims[rep].append(claim)
                self.past.claim_of[entry.lead] = claim
                self.past.kept_skips[rep] += self.past.skips[rep]
                self.past.skips[rep] = 0
            if rep is not None and entry.kind in {"skipped", "opened"}:
                self.past.skips[rep] += 1
                kept = self.past.skipped_at if entry.kind == "skipped" else self.past.opened_at
                kept[rep, entry.lead] = self.now
            owner[entry.lead] = entry.rep if entry.after in HELD else None
        for lead_id, lead in after.items():
            if lead_id not in before or before[lead_id].clock != lead.clock:
                self.past.touched_at[lead_id] = self.now

    def _may_skip_one_more(self, rep: str) -> bool:
        limit = self.policy["fair_play"].get("skip_at_most")
        return limit is None or self.past.skips[rep] + self.past.kept_skips[rep] < limit

    def _settle_claim(self, entry: Entry, was: str, pool: str | None) -> None:
        """A first contact forgives the skips before a claim; who gives the lead up before that has not claimed it."""
        if entry.kind in {"contacted", "converted"} and entry.before == "owned":
            self.past.kept_skips[was] = 0
        if entry.kind == "accepted" or entry.kind in STILL:
            return
        claim = self.past.claim_of.pop(entry.lead, None)
        by_name = entry.kind == "assigned" and entry.rep == was
        if claim is not None and entry.after == "retired":
            self.past.buried[entry.lead] = was, claim
        if claim is None or by_name or entry.after in {"working", "converted", "retired", "merged"}:
            return
        # What a manager or a rule takes away in good time is no lapse.
        taken = entry.kind in {"assigned", "qualified"} or any(reason["code"] in TAKEN for reason in entry.reasons)
        self._undo(claim, was, pool, skipped=not taken)

    def _come_back(self, entry: Entry, was: str, lead: Lead) -> None:
        """Who has a lead come back that they gave up without a contact has given it back, and not claimed it."""
        by_rep = entry.reasons[0]["params"]["by"] == was.title()
        if by_rep and lead.clock.contacted_at is None:
            self.past.had_at[was, entry.lead] = self.now
            if lead.clock.claimed_at is None or self._may_skip_one_more(was):
                self.past.behind_at[was, entry.lead] = self.now
        if entry.lead in self.past.buried:
            who, claim = self.past.buried.pop(entry.lead)
            assert who == was
            self._undo(claim, was, lead.clock.pool, skipped=by_rep)

    def _undo(self, claim: Claim, was: str, pool: str | None, *, skipped: bool) -> None:
        """The claim counts for nothing any more, and is one skip more if it is the rep's own doing."""
        claim.undone = True
        rules, recent = self.pool(pool), self.past.recent[was]
        if claim.score in recent and (rules is None or rules["mode"] != "queue"):
            recent.reverse()
            recent.remove(claim.score)
            recent.reverse()
        if skipped:
            self.past.skips[was] += self.past.kept_skips[was] + 1
            self.past.kept_skips[was] = 0


def tier_of(policy: Mapping[str, Any], rep: Any) -> str | None:
    """The name of the rep's tier: the one they are settled in if the policy has it, else the first that fits their record."""
    names = [tier["name"] for tier in policy["tiers"]]
    if rep.tier in names:
        return str(rep.tier)
    fits = (tier["name"] for tier in policy["tiers"] if "when" not in tier or MEANS[tier["when"]](rep))
    return next(fits, None)


def span(text: str | None) -> timedelta:
    """A duration as a policy writes it."""
    return timedelta(seconds=sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"(\d+)([dhms])", text or "")))


def _place(lead: Lead, name: str) -> tuple[bool, Any]:
    value = lead.clock.waiting_since if name == "waiting_since" else getattr(lead.facts, name)
    return value is None, value


def log_since(workspace_id: UUID, leads: Leads) -> list[Entry]:
    """What was decided about leads since they stood so, oldest first for each lead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT decision.lead_id::text, decision.kind, decision.before, decision.after, rep.handle, decision.reasons::text "
            "FROM distribution_decision decision LEFT JOIN people_rep rep ON rep.id = decision.rep_id "
            "LEFT JOIN unnest(%s::uuid[], %s::int[]) AS stood (lead, version) ON stood.lead = decision.lead_id "
            "WHERE decision.workspace_id = %s AND decision.nth > coalesce(stood.version, 0) "
            "ORDER BY decision.id",
            [list(leads), [lead.version for lead in leads.values()], workspace_id],
        )
        return [Entry(*row[:-1], json.loads(row[-1])) for row in cursor.fetchall()]


def assert_true_of_all(workspace_id: UUID) -> None:
    """What is true of every workspace (see ``concurrency.truths``)."""
    enter(workspace_id)
    assert_true(workspace_id)


def forget(workspace_id: UUID) -> None:
    """Take the workspace out of the database, so that the worker does not tick it any more."""
    enter(workspace_id)
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if any(field.column == "workspace_id" for field in model._meta.concrete_fields)
    ]
    # In one statement: what refers to what is looked at when it ends.
    gone = ", ".join(f"of_{table} AS (DELETE FROM {table} WHERE workspace_id = %(id)s)" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {gone} DELETE FROM people_workspace WHERE id = %(id)s", {"id": workspace_id})
