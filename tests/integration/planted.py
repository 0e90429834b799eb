"""A company in whose leads every field holds a value found nowhere else, and who may see which of them, told from the policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.timezone import now

from dibs.crm.models import (
    Account,
    Activity,
    Appointment,
    Assessed,
    Campaign,
    NearMiss,
    Note,
    Opportunity,
    Piece,
    Sent,
    Touch,
)
from dibs.delivery.models import Mail
from dibs.distribution import acting, claiming, moving
from dibs.distribution.placing import place
from dibs.intake.models import Import, ImportRefusal, RawPayload, Source, Upload
from dibs.people.access import SCOPES
from dibs.people.caller import Caller, caller_of
from dibs.people.models import Rep, User, Workspace
from dibs.people.tenancy import enter
from tests.making import make_arrival, make_rep, make_team, make_token, make_user, make_workspace, publish

#: Tiers go by the rep's country: Japan sees in full, Spain a preview of leads that are not hot, everybody else nothing.
POLICY = """
policy: Everything that hides something
qualify:
  score: [{when: 'lead.employees >= 200', add: 90}]
  rank: {hot: 75, warm: 40}
route:
  - {name: Offered, when: 'lead.source == "offer"', push: {team: closers, accept_within: 5m}, fallback: {pool: inbound}}
  - {name: Unclear, when: 'lead.source == "unclear"', review: closers}
  - {name: Odd, when: 'lead.source == "odd"', review: managers}
  - {name: In line, when: 'lead.source == "line"', pull: {pool: line}}
  - {name: Open, when: 'lead.source == "open"', pull: {pool: open}}
  - {name: Of Tokyo, when: 'lead.source == "tokyo"', pull: {pool: tokyo}}
  - {name: Everyone else, pull: {pool: inbound}}
pools:
  inbound: {mode: pool, preview: [company, score], lock: 15m, reclaim_after: 1h}
  open: {mode: cherry_pick, preview: [city], lock: 15m}
  line: {mode: queue, order: [waiting_since], preview: [industry]}
  tokyo: {mode: pool, teams: [tokyo], preview: [title]}
tiers:
  - {name: full, when: 'rep.country == "JP"', sees: full}
  - {name: preview, when: 'rep.country == "ES"', sees: preview, only: 'lead.score < 75'}
  - {name: none, sees: none}
credits: {claim: 1, convert: 10}
fair_play: {hold_at_most: 20}
"""

#: What each pool's preview shows, in the policy above, and whose teams it is for.
PREVIEW = {"inbound": {"company"}, "open": {"city"}, "line": {"industry"}, "tokyo": {"title"}}
FIELDS = (
    "external_id", "name", "title", "email", "phone", "company", "domain", "industry", "region", "city", "postal_code",
    "product", "use_case", "message", "attributes", "deal_value", "account", "note",
)  # fmt: skip


@dataclass
class Planted:
    """A lead and where it is: ``pool``, ``owner`` (a handle) or ``review`` say so; ``place``: which in its line, from 0."""

    number: int
    source: str
    hot: bool = False
    pool: str | None = None
    owner: str | None = None
    review: str | None = None
    place: int = 0
    note: bool = False
    id: UUID | None = None

    def value(self, name: str) -> str:
        """What the field holds; ``note`` is what somebody wrote about the lead."""
        if name == "deal_value":
            return f"90817{self.number:02d}3"
        tail = {"email": "@mail.example", "domain": ".example"}.get(name, "")
        return f"cnry{self.number:02d}x{FIELDS.index(name):02d}z{tail}"

    def mark(self, name: str) -> str:
        """What of it is looked for."""
        return self.value(name).partition("@")[0].partition(".")[0]


@dataclass
class Someone:
    """Who looks: a person, or a program with a token. ``sees``: everything in these places, whatever the tiers say."""

    name: str
    user: User | None = None
    token: str | None = None
    role: str = "rep"
    tier: str = "none"
    teams: frozenset[str] = frozenset()
    handle: str | None = None
    nothing: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass
class Company:
    workspace: Workspace
    leads: list[Planted]
    people: dict[str, Someone]
    reps: dict[str, Caller]
    handles_of: dict[str, frozenset[str]] = field(default_factory=dict)
    #: What is about several leads, or none: an account, near misses, a move of all leads.
    account: UUID | None = None
    matches: tuple[UUID, ...] = ()
    move: UUID | None = None
    #: What belongs to leads and has an address of its own, by the name of the address's parameter.
    things: dict[str, tuple[UUID, ...]] = field(default_factory=dict)

    def shown(self, who: Someone, lead: Planted) -> frozenset[str]:
        """The fields that this viewer may see of the lead."""
        everything = frozenset(FIELDS)
        if who.nothing:
            return frozenset()
        if who.role in {"ops", "integration"}:
            return everything
        if who.role == "manager":
            if lead.owner is not None:
                return everything if self.handles_of[lead.owner] & who.teams else frozenset()
            if lead.review is not None:
                return everything if lead.review == "managers" or lead.review in who.teams else frozenset()
            return everything if lead.pool != "tokyo" or "tokyo" in who.teams else frozenset()
        if lead.pool is None:
            return everything if lead.owner == who.handle else frozenset()
        if who.tier == "none" or (lead.pool == "tokyo" and "tokyo" not in who.teams):
            return frozenset()
        if (who.tier == "preview" and lead.hot) or (lead.pool == "line" and lead.place > 0):
            return frozenset()
        return everything if who.tier == "full" and lead.pool == "open" else frozenset(PREVIEW[lead.pool])

    def of_accounts(self, who: Someone) -> frozenset[str]:
        """The fields of a lead that its account holds too, as far as this viewer may see accounts."""
        sees = who.role in {"manager", "ops"} or who.name == "integration that reads no leads"
        return frozenset({"account", "domain"}) if sees else frozenset()


def plant() -> Company:
    """The company, and leads in every place that a lead can be in."""
    workspace = make_workspace()
    ops, boss, other_boss = (
        make_user(workspace, "ops"),
        make_user(workspace, "manager"),
        make_user(workspace, "manager"),
    )
    make_team(workspace, "closers", managers=(boss,))
    make_team(workspace, "tokyo", managers=(other_boss,))
    reps = {
        "aiko": make_rep(workspace, "aiko", teams=("closers",), country="JP"),
        "carmen": make_rep(workspace, "carmen", teams=("closers",), country="ES"),
        "diego": make_rep(workspace, "diego", teams=("closers",), country="MX"),
        "budi": make_rep(workspace, "budi", teams=("tokyo",), country="JP"),
    }
    publish(workspace, POLICY)
    callers = {handle: caller_of(rep.user) for handle, rep in reps.items()}
    leads = list(_leads())
    for lead in leads:
        _put(workspace, lead, reps, callers, caller_of(ops))
    integration = make_user(workspace, "integration")
    there = make_workspace()
    stranger = make_user(there, "ops")
    publish(there, POLICY)
    enter(workspace.id)
    closers, tokyo = frozenset({"closers"}), frozenset({"tokyo"})
    people = [
        Someone("sees in full", reps["aiko"].user, tier="full", teams=closers, handle="aiko"),
        Someone("sees previews", reps["carmen"].user, tier="preview", teams=closers, handle="carmen"),
        Someone("sees nothing", reps["diego"].user, tier="none", teams=closers, handle="diego"),
        Someone("of another team", reps["budi"].user, tier="full", teams=tokyo, handle="budi"),
        Someone("manager", boss, role="manager", teams=closers),
        Someone("manager of another team", other_boss, role="manager", teams=tokyo),
        Someone("operations", ops, role="ops"),
        Someone("integration", token=make_token(integration, scopes=sorted(SCOPES)), role="integration"),
        Someone("integration without scopes", token=make_token(integration), nothing=True),
        Someone(
            "integration that reads no leads",
            token=make_token(integration, scopes=sorted(SCOPES - {"leads:read", "pools:read", "deals:read"})),
            nothing=True,
        ),
        Someone("another company's operations", stranger, nothing=True),
        Someone("nobody", nothing=True),
    ]
    for who in people:
        if who.user is not None:
            who.token = make_token(who.user)
    handles_of = {handle: callers[handle].teams for handle in callers}
    company = Company(workspace, leads, {who.name: who for who in people}, callers, handles_of)
    _put_beside(company, caller_of(ops))
    return company


def _put_beside(company: Company, ops: Caller) -> None:
    """What speaks of leads and is none: touches, near misses of each with the next, and a move of all of them, planned by operations."""
    workspace, at = company.workspace, now()
    accounts = list(Account.objects.filter(workspace=workspace).order_by("name"))
    company.account = accounts[0].id
    matches = []
    for lead, other, account in zip(company.leads, company.leads[1:], accounts[1:], strict=False):
        told = {"said": lead.value("use_case")}
        Touch.objects.create(workspace=workspace, lead_id=lead.id, at=at, kind="page", source="site", detail=told)
        near = NearMiss.objects.create(workspace=workspace, lead_id=lead.id, other_id=other.id, score=0.7, at=at)
        of_one = NearMiss.objects.create(workspace=workspace, lead_id=lead.id, account=account, score=0.7, at=at)
        matches += [near.id, of_one.id]
    company.matches = tuple(matches)
    _put_work(company, ops, at)
    there = [lead.id for lead in company.leads if lead.id is not None]
    company.move = moving.plan(ops, moving.Wanted(), at, there).id


def _put_work(company: Company, ops: Caller, at: datetime) -> None:
    """What is written of each lead as it is worked: notes, what was done and is to be, meetings, what was sent, questionnaires, mails; and
    what its source sent, as it sent it."""
    workspace, by = company.workspace, ops.user_id
    rep = Rep.objects.get(handle="budi")
    things: dict[str, list[UUID]] = {name: [] for name in ("note_id", "activity_id", "appointment_id")}
    batch = Import.objects.create(workspace=workspace, source="web", file_name="leads.csv", state="done", by_id=by)
    for lead in company.leads:
        said = lead.value("note")
        mine: dict[str, Any] = {"workspace": workspace, "lead_id": lead.id}
        note = Note.objects.create(**mine, by_id=by, at=at, text=said)
        activity = Activity.objects.create(**mine, by_id=by, rep=rep, kind="call", text=said, due_at=at)
        appointment = Appointment.objects.create(
            **mine, rep=rep, title=said, place=said, text=said, starts_at=at, ends_at=at + timedelta(hours=1)
        )
        Sent.objects.create(**mine, title=said, text=said, url=f"https://{said}.example", at=at)
        Assessed.objects.create(
            **mine, template="call", answers={"need": said}, score=50, verdict="pursue", at=at, finished_at=at
        )
        Mail.objects.create(
            **mine, sequence="slow", step=1, began_at=at, mail="hello", language="en", address=lead.value("email"), subject=said,
            text=said, state="sent", sent_at=at,
        )  # fmt: skip
        RawPayload.objects.create(
            workspace=workspace,
            source="web",
            external_id=lead.value("external_id"),
            digest=b"x" * 32,
            payload={"said": said},
            lead=lead.id,
        )
        ImportRefusal.objects.create(workspace=workspace, batch=batch, row=lead.number, line=1, code="empty", raw=said)
        for name, made in (("note_id", note), ("activity_id", activity), ("appointment_id", appointment)):
            things[name].append(made.id)
    source = Source.objects.get_or_create(workspace=workspace, name="web", defaults={"kind": "api"})[0]
    campaign = Campaign.objects.create(workspace=workspace, key="spring", name="Spring")
    piece = Piece.objects.create(workspace=workspace, campaign=campaign, title="Brochure")
    content = f"name,email\n{company.leads[0].value('name')},a@b.example\n".encode()
    upload = Upload.objects.create(workspace=workspace, name="leads.csv", content=content, size=len(content), by_id=by)
    deals = Opportunity.objects.filter(workspace=workspace).values_list("id", flat=True)
    company.things = {name: tuple(ids) for name, ids in things.items()} | {
        "opportunity_id": tuple(deals), "import_id": (batch.id,), "source_id": (source.id,), "campaign_id": (campaign.id,),
        "piece_id": (piece.id,), "upload_id": (upload.id,),
    }  # fmt: skip


def _leads() -> Iterator[Planted]:
    places: list[dict[str, Any]] = [
        {"source": "web", "pool": "inbound"},
        {"source": "web", "pool": "inbound", "hot": True},
        {"source": "web", "pool": "inbound", "note": True},
        {"source": "open", "pool": "open"},
        {"source": "line", "pool": "line"},
        {"source": "line", "pool": "line", "place": 1},
        {"source": "tokyo", "pool": "tokyo"},
        {"source": "unclear", "review": "closers"},
        {"source": "odd", "review": "managers"},
        {"source": "offer", "owner": "?"},
        {"source": "web", "owner": "aiko", "note": True},
        {"source": "web", "owner": "budi", "note": True},
        {"source": "web", "owner": "carmen", "note": True},
    ]
    for number, place_ in enumerate(places):
        yield Planted(number, **place_)


def _put(workspace: Workspace, lead: Planted, reps: dict[str, Rep], callers: dict[str, Caller], ops: Caller) -> None:
    """Make the lead and bring it to where it is to be."""
    Account.objects.create(workspace=workspace, name=lead.value("account"), domain=lead.value("domain"))
    plain = {name: lead.value(name) for name in FIELDS if name not in {"attributes", "deal_value", "account", "note"}}
    at = now() - timedelta(minutes=30 - lead.number)
    arrival = make_arrival(
        **plain,
        source=lead.source,
        received_at=at,
        employees=500 if lead.hot else 5,
        deal_value=Decimal(lead.value("deal_value")),
        currency="EUR",
        attributes={lead.value("attributes"): lead.value("attributes")},
    )
    lead.id = place(workspace.id, [arrival], now=at)[0].lead_id
    said = lead.value("note")
    if lead.owner == "?":
        enter(workspace.id)
        lead.owner = Rep.objects.get(leads__id=lead.id).handle
    elif lead.owner is not None:
        assert isinstance(acting.assign(ops, lead.id, lead.owner, at, why=said), acting.Acted)
        assert isinstance(acting.contact(callers[lead.owner], lead.id, at, note=said), acting.Acted)
        if lead.owner == "budi":
            assert isinstance(acting.convert(callers["budi"], lead.id, at, note=said), acting.Acted)
    elif lead.note:
        # One that budi took and gave back with a word.
        taken = claiming.claim_lead(callers["budi"], lead.id, at)
        assert isinstance(taken, claiming.Claimed)
        assert isinstance(acting.release(callers["budi"], lead.id, at, why=said), acting.Acted)


#: Digits that a page sets in groups: 9,081,703 or 9.081.703 or with a thin space.
_GROUPED = re.compile(r"(?<=\d)[,.'\u00a0\u202f ](?=\d{3})")


def found_in(text: str, leads: list[Planted]) -> set[tuple[int, str]]:
    """Which planted values stand in this text, in whatever case: lead and field."""
    text = text.casefold()
    plain = _GROUPED.sub("", text)
    return {
        (lead.number, name)
        for lead in leads
        for name in FIELDS
        if lead.mark(name) in (plain if name == "deal_value" else text)
    }
