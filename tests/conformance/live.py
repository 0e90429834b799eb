"""The store that a day is played on beside the one in memory: the service on PostgreSQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from dibs.crm.arrival import Arrival, Enrichment, Touching
from dibs.crm.do_not_contact import entries_of
from dibs.crm.models import Lead, Opportunity
from dibs.distribution import (
    acting,
    answering,
    assessing,
    claiming,
    consenting,
    floors,
    merging,
    opportunities,
    refusing,
    results,
    tiering,
)
from dibs.distribution.models import Credit
from dibs.distribution.placing import enrich, place
from dibs.distribution.standings import STANDING_COLUMNS, standing_of
from dibs.distribution.ticking import tick
from dibs.engine.decision import Refusal
from dibs.engine.lifecycle import ENDED
from dibs.engine.tiers import TierState
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, Workspace
from tests.conformance.days import Happening
from tests.making import make_user

#: What of a lead is compared.
CLOCK = (
    "state",
    "pool",
    "owner",
    "waiting_since",
    "lock_expires_at",
    "contacted_at",
    "due_at",
    "due_for",
    "escalated",
    "reassigned",
    "by_hand",
    "sla_at",
    "warned",
    "acted_at",
    "awaits",
    "side",
    "sequence",
    "mailed",
    "mailed_at",
)


class Live:
    """The service. ``refusal``: the last act's, in full."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.refusal: Refusal | None = None
        self.callers: dict[str, Caller] = {
            rep.handle: caller_of(rep.user) for rep in Rep.objects.filter(workspace=workspace).select_related("user")
        }
        self.manager = caller_of(make_user(workspace, "ops"))
        self.ids: list[UUID] = []

    def arrive(self, happening: Happening, lead_id: UUID) -> str:
        self.ids.append(lead_id)
        place(
            self.workspace.id,
            [Arrival(received_at=happening.at, lead_id=lead_id, **happening.facts)],
            now=happening.at,
        )
        return "placed"

    def do(self, happening: Happening) -> str:
        self.refusal = None
        at, caller = happening.at, self.callers.get(happening.rep)
        if happening.act == "tick":
            return "moved" if sum(tick(at).moved.values()) > 0 else "still"
        if happening.act == "retier":
            return f"{tiering.retier_all(self.workspace.id, at)} moved"
        if happening.act == "floors":
            return f"{floors.look_at_floors(self.workspace.id, at).looked_at} looked at"
        if happening.act == "results":
            results.count(self.workspace.id, at)
            return "counted"
        lead_id = self.ids[happening.lead] if happening.act != "next" else UUID(int=0)
        if happening.act == "enrich":
            enrich(self.workspace.id, [Enrichment(lead_id, happening.facts)], now=at)
            return "done"
        if happening.act == "touch":
            touching = Touching(at, happening.facts["kind"], "site")
            if Lead.objects.exclude(state__in=ENDED).filter(id=lead_id).exists():
                enrich(self.workspace.id, [Enrichment(lead_id, {}, touching)], now=at)
            return "done"
        if happening.act == "refuse":
            email = Lead.objects.values_list("email", flat=True).get(id=lead_id)
            refusing.refuse(self.workspace.id, entries_of(email, None), why="asked", now=at)
            return "done"
        if happening.act == "merge":
            answer = merging.merge(self.manager, lead_id, self.ids[happening.facts["other"]], at, keep=lead_id)
            assert isinstance(answer, merging.Merged), answer
            return "done"
        if happening.act == "reopen":
            return self._told(acting.reopen(caller or self.manager, lead_id, at))
        if happening.act == "give_up":
            return self._told(acting.retire(self.manager, lead_id, at, why="spam"))
        if happening.act == "return_to_pool":
            return self._told(acting.return_to_pool(self.manager, lead_id, happening.pool, at))
        assert caller is not None
        if happening.act == "next":
            match claiming.claim_next(caller, happening.pool, at):
                case claiming.Refused(refusal):
                    return self._no(refusal)
                case claiming.Claimed(lead):
                    return f"claimed {lead['id']}"
                case claiming.Empty():
                    return "empty"
                case _:
                    return "unseen"
        if happening.act == "claim":
            answer = claiming.claim_lead(caller, lead_id, at)
            if isinstance(answer, claiming.Refused):
                return self._no(answer.refusal)
            return "claimed" if isinstance(answer, claiming.Claimed) else "unseen"
        if happening.act == "assign":
            return self._told(acting.assign(self.manager, lead_id, happening.rep, at))
        if happening.act == "assess":
            template, answers = happening.facts["template"], happening.facts["answers"]
            try:
                return self._told(assessing.finish(caller, lead_id, template, answers, at))
            except assessing.UnknownAssessment:
                return "unknown"
        if happening.act == "answer":
            try:
                return self._told(answering.answer(caller, lead_id, happening.facts["answers"], at))
            except answering.UnknownAnswer:
                return "unknown"
        if happening.act == "nurture":
            try:
                return self._told(acting.nurture(caller, lead_id, at, happening.facts.get("sequence")))
            except LookupError:
                return "unknown"
        if happening.act == "consent":
            return self._told(consenting.set_consent(caller, lead_id, happening.facts["given"], at))
        if happening.act in {"win", "lose", "go_on"}:
            acts = {"win": opportunities.win, "lose": opportunities.lose, "go_on": opportunities.reopen}
            deal = Opportunity.objects.values_list("id", flat=True).get(lead_id=lead_id)
            done = acts[happening.act](caller, deal, at)
            return self._no(done.refusal) if isinstance(done, acting.Refused) else "done" if done else "unknown"
        if happening.act == "open":
            return self._told(acting.open_lead(caller, lead_id, at))
        if happening.act == "retire":
            return self._told(acting.retire(caller, lead_id, at, why=happening.facts.get("why", "no_answer")))
        return self._told(getattr(acting, happening.act)(caller, lead_id, at))

    def _told(self, answer: acting.Answer) -> str:
        if isinstance(answer, acting.Refused):
            return self._no(answer.refusal)
        return "done" if answer else "unknown"

    def _no(self, refusal: Refusal) -> str:
        self.refusal = refusal
        return refusal.code

    def leads(self) -> dict[str, tuple[Any, ...]]:
        columns = ", ".join(
            "rep.handle" if name == "owner" else f"lead.{name}" for name in (*CLOCK, "score", "rank", "version")
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT lead.id::text, {columns} FROM crm_lead lead LEFT JOIN people_rep rep ON rep.id = lead.owner_id "
                "WHERE lead.workspace_id = %s",
                [self.workspace.id],
            )
            return {row[0]: row[1:] for row in cursor.fetchall()}

    def switches(self) -> dict[str, bool]:
        return dict(Rep.objects.filter(workspace=self.workspace).values_list("handle", "available"))

    def standings(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT rep.handle, {', '.join(f's.{name}' for name in STANDING_COLUMNS)} FROM distribution_standing s "
                "JOIN people_rep rep ON rep.id = s.rep_id WHERE s.workspace_id = %s",
                [self.workspace.id],
            )
            return {row[0]: standing_of(row[1:]) for row in cursor.fetchall()}

    def tiers(self) -> dict[str, tuple[TierState, int, int]]:
        handles = dict(Rep.objects.filter(workspace=self.workspace).values_list("id", "handle"))
        kept = tiering.kept_tiers(self.workspace.id)
        return {handles[rep]: (each.state, each.closed, each.converted) for rep, each in kept.items()}

    def credits(self) -> set[tuple[Any, ...]]:
        found = Credit.objects.filter(workspace=self.workspace).select_related("rep")
        return {(each.rep.handle, str(each.lead_id), each.what, float(each.points), each.at) for each in found}

    def turns(self) -> dict[tuple[str, str], float]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT turn.key, rep.handle, turn.passed FROM distribution_rotation turn "
                "JOIN people_rep rep ON rep.id = turn.rep_id WHERE turn.workspace_id = %s",
                [self.workspace.id],
            )
            return {(key, handle): passed for key, handle, passed in cursor.fetchall()}
