"""A lead becomes an opportunity: with the customer's account and contact, found or made, and all that was written down about it.

All of it is one transaction with the lead's own end, and the lead is locked meanwhile: converted twice, it is one opportunity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from dibs.crm.customers import Customer, Made, make_customers
from dibs.crm.models import Account, Activity, Appointment, Note, Opportunity
from dibs.delivery.outbox import Event
from dibs.distribution.belonging import accounts_asked_about
from dibs.distribution.rulebooks import Active
from dibs.distribution.scene import Answer, Scene, act
from dibs.distribution.writing import Outcome
from dibs.engine import closing, consequences
from dibs.engine.decision import Reason, Refusal
from dibs.engine.policy_deals import Opportunities
from dibs.people.caller import Caller
from dibs.people.tenancy import new_id

#: Amounts, in whole units with two decimals.
HIGHEST_AMOUNT = Decimal(10) ** 15
_CENT = Decimal("0.01")
#: Fields of a lead that its opportunity may be called by, the best first.
_CALLED_BY = ("company", "name", "domain", "email", "product", "use_case")


class UnknownStage(LookupError):
    """The policy has no stage of this name."""


@dataclass(frozen=True, slots=True)
class Becoming:
    """What the opportunity is to be. What is left out is taken from the lead (``name``, ``amount`` and ``currency``) or the policy (the
    first ``stage``). ``close``: it is won already, where the policy has such ones closed on the spot."""

    name: str = ""
    amount: Decimal | None = None
    currency: str | None = None
    stage: str | None = None
    close_on: date | None = None
    close: bool = False


def convert(
    caller: Caller,
    lead_id: UUID,
    now: datetime,
    *,
    amount: Decimal | None = None,
    currency: str | None = None,
    note: str = "",
    claim: UUID | None = None,
    name: str = "",
    stage: str | None = None,
    close_on: date | None = None,
    close: bool = False,
) -> Answer:
    """The lead became business: one of its two good ends. It stays in the name of who had it, and the opportunity is theirs.

    Notes, activities and appointments go along, and stay with the lead too. Raises `UnknownStage`.
    """
    wanted = Becoming(name.strip(), amount, currency, stage, close_on, close)
    return act(caller, lead_id, now, lambda scene: _converted(scene, wanted, note), kind="converted", claim=claim)


def rules_of(active: Active | None) -> Opportunities:
    """What the policy in force says of opportunities; without a policy, what one says that says nothing."""
    return active.book.policy.opportunities if active is not None else Opportunities()


def name_of(lead: Mapping[str, Any]) -> str:
    """What the opportunity of a lead is called if nobody says otherwise."""
    return next((str(lead[field]) for field in _CALLED_BY if lead.get(field)), str(lead["source"]))[:300]


def money(amount: Decimal | None) -> Decimal | None:
    """An amount as it is kept, to the cent."""
    return amount.quantize(_CENT) if amount is not None else None


def _converted(scene: Scene, wanted: Becoming, note: str) -> Outcome | Refusal:
    row, now, rules = scene.row, scene.now, rules_of(scene.active)
    stage = wanted.stage or closing.first_stage(rules)
    if stage not in rules.stages:
        raise UnknownStage(stage)
    amount = money(wanted.amount if wanted.amount is not None else row["deal_value"])
    currency = wanted.currency or row["currency"] if amount is not None else None
    if wanted.close and (refusal := closing.may_close_at_once(rules, amount, currency)):
        return refusal
    assert scene.held_by is not None
    workspace_id = scene.caller.workspace_id
    if scene.active is not None and scene.active.book.policy.matching.make == "never":
        made = Made(row["account_id"], row["contact_id"])
    else:
        # Of one that may belong to an account that is here none is made: who decides that gives the opportunity its account too.
        asked = row["id"] in accounts_asked_about(workspace_id, [row["id"]])
        (made,) = make_customers(workspace_id, [Customer.of(row, asked=asked)], now, by_name=True)
    opportunity = Opportunity.objects.create(
        workspace_id=workspace_id,
        id=new_id(),
        lead_id=row["id"],
        account_id=made.account_id,
        contact_id=made.contact_id,
        owner_id=scene.held_by,
        name=wanted.name[:300] or name_of(row),
        amount=amount,
        currency=currency,
        state="won" if wanted.close else "open",
        stage=stage,
        close_on=wanted.close_on,
        created_at=now,
        staged_at=now,
        ended_at=now if wanted.close else None,
    )
    for written in (Note, Activity, Appointment):
        written.objects.filter(workspace_id=workspace_id, lead_id=row["id"]).update(opportunity_id=opportunity.id)

    said = str(amount) if amount is not None else None
    params = {"amount": said, "currency": currency, "note": note, "opportunity": str(opportunity.id)}
    reasons = [Reason("converted", params)]
    if made.account is not None:
        reasons.append(Reason("account_made", {"account": made.account}))
    if made.contact:
        reasons.append(Reason("contact_made"))
    rep = _named(scene)
    events = [event("opportunity.created", opportunity, None, rep)]
    if wanted.close:
        reasons.append(Reason("opportunity_won", {"amount": said, "currency": currency}, "opportunities.close_at_once"))
        reasons += buys_now(opportunity)
        events.append(event("opportunity.won", opportunity, "open", rep))
    done = scene.still_with("converted", consequences.ended(scene.clock, "converted"), *reasons)
    done.changes = {**done.changes, "account_id": made.account_id, "contact_id": made.contact_id}
    done.also = tuple(events)
    return done


def _named(scene: Scene) -> tuple[str, str]:
    """Handle and name of the rep who has the lead."""
    assert scene.held_by is not None
    handle = scene.known.handles[scene.held_by]
    return handle, scene.known.names[handle]


def event(name: str, opportunity: Opportunity, was: str | None, rep: tuple[str, str]) -> Event:
    """What is told of an opportunity: where it stands and whose it is, and nothing of what is in it. ``was``: its state before."""
    payload = {
        "opportunity": str(opportunity.id),
        "lead": str(opportunity.lead_id) if opportunity.lead_id else None,
        "stage": opportunity.stage,
        "was": was,
        "state": opportunity.state,
        "rep": rep[0],
        "rep_name": rep[1],
    }
    return name, opportunity.lead_id, payload


def buys_now(opportunity: Opportunity) -> list[Reason]:
    """Whose opportunity was won is a customer from now on, which policies may ask (`account.customer`). It stays one, whatever becomes of
    the opportunity later: what else it bought is not known here."""
    if opportunity.account_id is None:
        return []
    account = Account.objects.filter(workspace_id=opportunity.workspace_id, id=opportunity.account_id, customer=False)
    name = account.values_list("name", flat=True).first()
    if name is None or not account.update(customer=True):
        return []
    return [Reason("customer_won", {"account": name})]
