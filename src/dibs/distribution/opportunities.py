"""Opportunities on their way: from stage to stage, to another rep, won, lost, opened again.

An opportunity is written at the version that it was looked at: who decided on another one is told to look again. Its lead is locked
first, then the opportunity itself; each change stands in the lead's story and in the outbox, in the same transaction. A lead that was
converted stays converted, whatever becomes of its opportunity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from dibs.crm.models import Helper, Opportunity
from dibs.delivery.outbox import post
from dibs.delivery.wake import wake
from dibs.distribution import policies
from dibs.distribution.converting import UnknownStage, buys_now, event, money, rules_of
from dibs.distribution.crews import crew
from dibs.distribution.reading import Row, lock_leads
from dibs.distribution.scene import Refused
from dibs.distribution.writing import Outcome, write
from dibs.engine.decision import Reason, Refusal
from dibs.engine.forgetting import ERASED
from dibs.people import particulars
from dibs.people.caller import Caller
from dibs.people.models import Rep, Role
from dibs.people.tenancy import enter

#: What of an opportunity people may change, beside its stage and whose it is.
FIELDS = ("name", "amount", "currency", "close_on")


class UnknownRep(LookupError):
    """There is no active rep with this handle."""


class Nameless(ValueError):
    """An opportunity is to be called blanks."""


@dataclass(frozen=True, slots=True)
class Done:
    """The opportunity as it is now. No ``reasons``: nothing was to be changed."""

    opportunity: Opportunity
    reasons: tuple[Reason, ...]


Answer = Done | Refused | None


@dataclass(slots=True)
class _Change:
    """What is to be written. ``event``: its name; ``newly``: who comes to have it."""

    event: str
    values: dict[str, Any] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    newly: Rep | None = None


def change(
    caller: Caller, opportunity_id: UUID, now: datetime, given: Mapping[str, Any], *, version: int | None = None
) -> Answer:
    """Change what is ``given`` of `FIELDS`, and of ``stage`` and ``owner`` (a handle). ``version``: the one that the caller looked at.

    One that has ended is opened again before anything but its owner changes. Raises `UnknownStage`, `UnknownRep` and `Nameless`.
    """
    if "name" in given:
        given = {**given, "name": given["name"].strip()}
        if not given["name"]:
            raise Nameless("an opportunity has a name")

    def decide(deal: Opportunity) -> _Change | Refusal:
        wanted = {name: given[name] for name in FIELDS if name in given}
        if "amount" in wanted:
            wanted["amount"] = money(wanted["amount"])
        changed = {name: value for name, value in wanted.items() if value != getattr(deal, name)}
        done = _Change("opportunity.changed", dict(changed))
        if changed:
            done.reasons.append(Reason("opportunity_changed", {"fields": list(changed)}))
        stage = given.get("stage") or deal.stage
        if stage != deal.stage:
            if stage not in rules_of(policies.active(caller.workspace_id)).stages:
                raise UnknownStage(stage)
            done.event = "opportunity.moved"
            done.values |= {"stage": stage, "staged_at": now}
            done.reasons.append(Reason("opportunity_moved", {"stage_before": deal.stage, "stage": stage}))
        if done.values and deal.state != "open":
            return Refusal((Reason("opportunity_ended", {"ended": deal.state}),), remedy=Reason("reopen_first"))
        owner = given.get("owner") or deal.owner.handle
        if owner != deal.owner.handle:
            if not _is_led(caller, deal):
                return Refusal((Reason("opportunity_not_led"),), remedy=Reason("ask_manager"))
            done.newly = Rep.objects.filter(workspace_id=caller.workspace_id, handle=owner, active=True).first()
            if done.newly is None:
                raise UnknownRep(owner)
            done.event = "opportunity.handed"
            done.values["owner_id"] = done.newly.id
            done.reasons.append(Reason("opportunity_handed", {"rep": owner, "by": caller.name}))
        return done

    return _act(caller, opportunity_id, now, decide, version)


def win(
    caller: Caller,
    opportunity_id: UUID,
    now: datetime,
    *,
    amount: Decimal | None = None,
    currency: str | None = None,
    version: int | None = None,
) -> Answer:
    """It was won, for so much if that is said. Its account is a customer from now on."""

    def decide(deal: Opportunity) -> _Change | Refusal:
        if deal.state != "open":
            return Refusal((Reason("opportunity_ended", {"ended": deal.state}),), remedy=Reason("reopen_first"))
        worth = deal.amount if amount is None else money(amount)
        won: dict[str, Any] = {"amount": worth, "currency": currency or deal.currency}
        said = {"amount": None if worth is None else str(worth), "currency": won["currency"]}
        values = {**won, "state": "won", "ended_at": now}
        return _Change("opportunity.won", values, [Reason("opportunity_won", said), *buys_now(deal)])

    return _act(caller, opportunity_id, now, decide, version)


def lose(caller: Caller, opportunity_id: UUID, now: datetime, *, why: str = "", version: int | None = None) -> Answer:
    """It was lost. ``why`` is the person's own words, up to 300 characters."""

    def decide(deal: Opportunity) -> _Change | Refusal:
        if deal.state != "open":
            return Refusal((Reason("opportunity_ended", {"ended": deal.state}),), remedy=Reason("reopen_first"))
        values = {"state": "lost", "ended_at": now, "lost_why": why[:300]}
        return _Change("opportunity.lost", values, [Reason("opportunity_lost", {"why": why[:300]})])

    return _act(caller, opportunity_id, now, decide, version)


def reopen(caller: Caller, opportunity_id: UUID, now: datetime, *, version: int | None = None) -> Answer:
    """One that was won or lost goes on, in the stage that it was in last; not one whose person was erased since: there is nobody to talk to."""

    def decide(deal: Opportunity) -> _Change | Refusal:
        if deal.state == "open":
            return Refusal((Reason("opportunity_open"),), remedy=Reason("look_again"))
        if deal.lead is not None and ERASED in deal.lead.flags:
            return Refusal((Reason("is_erased"),), remedy=Reason("choose_another"))
        values = {"state": "open", "ended_at": None, "lost_why": ""}
        return _Change("opportunity.reopened", values, [Reason("opportunity_reopened", {"stage": deal.stage})])

    return _act(caller, opportunity_id, now, decide, version)


def hand_all(caller: Caller, handle: str, to: str, now: datetime) -> int:
    """Hand all open opportunities of a rep, who may have left, to another, each in its own transaction; returns how many were.

    Those that the caller may not hand over stay. Raises `UnknownRep`.
    """
    enter(caller.workspace_id)
    if not Rep.objects.filter(workspace_id=caller.workspace_id, handle=to, active=True).exists():
        raise UnknownRep(to)
    theirs = Opportunity.objects.filter(workspace_id=caller.workspace_id, owner__handle=handle, state="open")
    done = (change(caller, one, now, {"owner": to}) for one in theirs.order_by("id").values_list("id", flat=True))
    return sum(isinstance(answer, Done) and bool(answer.reasons) for answer in done)


def _act(
    caller: Caller,
    opportunity_id: UUID,
    now: datetime,
    decide: Callable[[Opportunity], _Change | Refusal],
    version: int | None,
) -> Answer:
    """``None``: there is no such opportunity. Who may know of it is asked before (`dibs.insight.deals`)."""
    enter(caller.workspace_id)
    with transaction.atomic():
        # Read.
        known = Opportunity.objects.filter(workspace_id=caller.workspace_id, id=opportunity_id)
        lead_id = known.values_list("lead_id", flat=True).first()
        row = lock_leads(caller.workspace_id, [lead_id]).get(lead_id) if lead_id is not None else None
        deal = known.select_related("owner").select_for_update(of=("self",)).first()
        if deal is None:
            return None

        # Decide.
        refusal = _may_work(caller, deal, version)
        if refusal:
            return Refused(refusal)
        decided = decide(deal)
        if isinstance(decided, Refusal):
            return Refused(decided)
        if not decided.values:
            return Done(deal, ())

        # Write.
        _write(caller, deal, decided, row, now)
    return Done(deal, tuple(decided.reasons))


def _write(caller: Caller, deal: Opportunity, decided: _Change, row: Row | None, now: datetime) -> None:
    was = deal.state
    for name, value in decided.values.items():
        setattr(deal, name, value)
    deal.version += 1
    if decided.newly is not None:
        deal.owner = decided.newly
        if deal.lead_id is not None:
            # Who has the opportunity sees the lead that it comes from; whose lead it was stays as it is.
            Helper.objects.get_or_create(
                workspace_id=caller.workspace_id,
                lead_id=deal.lead_id,
                rep=decided.newly,
                defaults={"by_id": caller.actor, "at": now},
            )
    deal.save(update_fields=[*decided.values, "version"])
    told = event(decided.event, deal, was, (deal.owner.handle, deal.owner.name))
    if row is None:
        post(caller.workspace_id, [told], now)
        transaction.on_commit(lambda: wake(caller.workspace_id))
        return
    outcome = Outcome(
        lead=row,
        kind="dealt",
        changes={},
        reasons=decided.reasons,
        rep=deal.owner_id,
        actor=caller.actor,
        also=(told,),
    )
    known = crew(caller.workspace_id, now, only=[deal.owner_id, row["owner_id"]])
    active = policies.active(caller.workspace_id)
    version = active.number if active is not None else None
    write(caller.workspace_id, [outcome], now=now, policy_version=version, crew=known)


def _may_work(caller: Caller, deal: Opportunity, version: int | None) -> Refusal | None:
    """Whether it is the caller's to change, or that of who leads its rep; and whether it is as the caller saw it."""
    if deal.owner_id != caller.rep_id and not _is_led(caller, deal):
        return Refusal((Reason("not_yours", {"by": deal.owner.handle}),), remedy=Reason("choose_another"))
    if version is not None and version != deal.version:
        return Refusal((Reason("opportunity_outdated"),), remedy=Reason("look_again"))
    return None


def _is_led(caller: Caller, deal: Opportunity) -> bool:
    """Whether the caller leads the rep whose it is."""
    return caller.role in {Role.MANAGER, Role.OPS} and particulars.leads(caller, deal.owner)
