"""The sample workspace: people of several countries, a policy, synthetic leads, and a day's work on them."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from uuid import UUID

import click

import dibs
from dibs.simulation.leads import SyntheticLead, synthetic_leads
from dibs.simulation.team import LOGINS, REPS, TEAMS, sample_reps, teams_of

if TYPE_CHECKING:
    from dibs.cli.playback import Player
    from dibs.crm.arrival import Arrival
    from dibs.people.caller import Caller

SLUG = "sample"
#: Everybody's in the sample. It is printed and documented: the sample holds nobody's data.
PASSWORD = "first-come"  # noqa: S105
_DOMAIN = "sample.example"
_POLICY = "sample.yaml"

#: Leads of the days before, which make tiers, credits and Fair play: so many came in waves, three hours apart.
EARLIER = 300
DAYS_BEFORE = 9
_WAVE, _WAVE_LASTS = timedelta(hours=3), timedelta(minutes=9)
#: Leads that came one by one after that, over how long.
LEADS = 400
WINDOW = timedelta(hours=11)
#: The rush after a webinar that ended a while ago, and how long it has lasted.
RUSH = 180
RUSH_WINDOW = timedelta(minutes=45)
#: Leads of a list that was handed in before all that.
LISTED = 500
#: Who began to sell only lately, and when.
_NEWCOMER, _BEGAN = "ines", timedelta(days=2)
#: By which way the sources' campaigns come to people.
_CHANNELS = {"search_ad": "search", "social_ad": "social", "webinar": "web", "trade_fair": "event"}
#: How many of the companies asking are customers already.
_CUSTOMERS = 40

#: Different statements that all this takes, and some more.
_STATEMENTS = 500

#: Languages the pages speak; everybody else reads English.
_SPOKEN = ("en", "ja", "es", "id")
#: The logins that the tutorial uses stay in English, whatever their owner speaks.
_FIRST = ("aiko", "marta", "nora")


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can log in to the sample with `PASSWORD`."""

    email: str
    name: str
    role: str
    teams: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Filled:
    """What the sample was filled with, and how long it took."""

    leads: int
    claimed: int
    contacted: int
    ended: int
    seconds: float


def sample_logins() -> list[Login]:
    """Who can log in, those the tutorial uses first."""
    others = [
        Login(_email(who.handle), who.name, who.role, who.manages, _language(who.handle, who.language))
        for who in LOGINS
    ]
    reps = [
        Login(_email(rep.handle), rep.name, "rep", teams_of(rep.handle), _language(rep.handle, rep.languages[0]))
        for rep in sample_reps().values()
    ]
    return [*others, *reps]


def fill_sample(now: datetime, seed: str = "sample") -> Filled | None:
    """Make the sample workspace as it would stand at ``now``, or return ``None`` if there is one already.

    One transaction: an interrupted fill leaves nothing behind.
    """
    from django.db import transaction

    from dibs.cli.playback import Playback
    from dibs.crm.models import Lead
    from dibs.people.models import Workspace
    from dibs.people.tenancy import new_id, within

    started = time.monotonic()
    workspace_id = new_id()
    # Entered before the transaction begins: inside one, each step would have to say again where it is.
    with (
        within(workspace_id),
        _without_savepoints(),
        _forgetting_no_statement(),
        _without_a_word(),
        transaction.atomic(),
    ):
        _, made = Workspace.objects.get_or_create(slug=SLUG, defaults={"id": workspace_id, "name": "Sample"})
        if not made:
            return None
        players, managers = _hire(workspace_id, now)
        received = [*_received_before(now - WINDOW, seed), *_received(now, seed)]
        _know_customers(workspace_id, received, now, seed)
        _publish(workspace_id, received[0].received_at - _WAVE)
        _campaign(workspace_id, received)
        played = Playback(workspace_id, players, managers, seed).play(list(_arrivals(received, seed)), now)
        _place_a_list(workspace_id, now - WINDOW, seed)
        _have_read([player.caller for player in players] + managers, now - WINDOW)
        _announce(workspace_id, now)
        _leave_nothing_for_later(workspace_id, now)
        leads = Lead.objects.count()
    return Filled(leads, played.claimed, played.contacted, played.ended, time.monotonic() - started)


def _without_savepoints() -> AbstractContextManager[None]:
    """Inner transactions make no savepoints of their own: should anything fail, all of it is to go anyway. Each savepoint has
    another name and so is another statement to prepare, which would cost more than what the transaction does."""
    from django.db import connection

    return _for_now(connection.features, "uses_savepoints", False)


def _forgetting_no_statement() -> AbstractContextManager[None]:
    """The driver keeps the hundred statements used last as the server has prepared them. The days before take three hundred, one after
    another over and over, so that each was often prepared again just after it had been given up."""
    from django.db import connection

    connection.ensure_connection()
    return _for_now(connection.connection, "prepared_max", _STATEMENTS)


@contextmanager
def _for_now(thing: object, name: str, value: object) -> Iterator[None]:
    usual = getattr(thing, name)
    setattr(thing, name, value)
    try:
        yield
    finally:
        setattr(thing, name, usual)


@contextmanager
def _without_a_word() -> Iterator[None]:
    """What is played as if it had happened is in the sample's own log; the terminal of who fills it need not repeat it."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _leave_nothing_for_later(workspace_id: UUID, now: datetime) -> None:
    """What is due by now is done. What acts want done once they are committed was for moments that are long past: the playback's own
    steps have done it."""
    from django.db import connection
    from django.db.models import F

    from dibs.crm.models import Lead
    from dibs.delivery.models import Mail
    from dibs.distribution import ticking

    while due := list(Lead.objects.filter(due_at__lte=now).values_list("id", flat=True)):
        ticking.settle(workspace_id, due, now)
    # What would have gone out in those days has; nobody of the sample is really written to.
    Mail.objects.filter(workspace_id=workspace_id, state="waiting").update(state="sent", send_at=None, sent_at=F("at"))
    connection.run_on_commit.clear()


def _hire(workspace_id: UUID, now: datetime) -> tuple[list[Player], list[Caller]]:
    """Users, reps and teams; returns the reps at their keyboards, and the managers."""
    from django.contrib.auth.hashers import make_password

    from dibs.cli.playback import Player
    from dibs.people.caller import caller_of
    from dibs.people.models import Management, Membership, Rep, Team, TimeOff, User

    password = make_password(PASSWORD)  # hashing is slow on purpose: once for all of them
    users = {
        login.email: User(
            workspace_id=workspace_id,
            email=login.email,
            name=login.name,
            role=login.role,
            language=login.language,
            password=password,
        )
        for login in sample_logins()
    }
    User.objects.bulk_create(users.values())
    teams = {slug: Team(workspace_id=workspace_id, slug=slug, name=name) for slug, name in TEAMS.items()}
    Team.objects.bulk_create(teams.values())
    reps = {
        handle: Rep(
            workspace_id=workspace_id,
            user=users[_email(handle)],
            handle=handle,
            name=rep.name,
            country=rep.country,
            timezone=rep.timezone,
            languages=list(rep.languages),
            hours={str(day): list(span) for day, span in rep.hours.items()},
            face=rep.face,
            industries=list(rep.industries),
            seniority=rep.seniority,
            depth=rep.depth,
        )
        for handle, rep in sample_reps().items()
    }
    Rep.objects.bulk_create(reps.values())
    Membership.objects.bulk_create(
        Membership(workspace_id=workspace_id, rep=reps[rep.handle], team=teams[slug])
        for slug, members in REPS.items()
        for rep in members
    )
    Management.objects.bulk_create(
        Management(workspace_id=workspace_id, user=users[_email(who.handle)], team=teams[slug])
        for who in LOGINS
        for slug in who.manages
    )
    # Nobody gives the newcomer anything before the first day.
    began = now - _BEGAN
    TimeOff.objects.create(
        workspace_id=workspace_id, rep=reps[_NEWCOMER], starts=began - timedelta(days=60), ends=began
    )
    players = [
        Player(caller_of(users[_email(handle)]), rep, since=began if handle == _NEWCOMER else None)
        for handle, rep in sample_reps().items()
    ]
    return players, [caller_of(users[_email(who.handle)]) for who in LOGINS if who.role == "manager"]


def _know_customers(workspace_id: UUID, received: list[SyntheticLead], now: datetime, seed: str) -> None:
    """Some of the companies that ask are customers, and most of those have an owner among the closers. Not the tutorial's rep: what
    is pushed to an owner who is off piles up, and she is to have room for a claim. Some have a parent, whose owner has them too."""
    from dibs.crm.accounts import Told, write_accounts
    from dibs.people.models import Rep

    random = Random(f"customers:{seed}")
    owners = list(
        Rep.objects.filter(teams__slug="closers")
        .exclude(handle=_FIRST[0])
        .order_by("handle")
        .values_list("handle", flat=True)
    )
    by_domain = {lead.domain: lead for lead in received if lead.domain}
    chosen = random.sample(sorted(by_domain), min(_CUSTOMERS, len(by_domain)))
    said = frozenset({"name", "domain", "customer", "owner", "parent"})
    customers = [
        Told(
            said,
            name=by_domain[domain].company,
            domain=domain,
            customer=True,
            owner=random.choice(owners) if random.random() < 0.8 else None,
        )
        for domain in chosen
    ]
    owned = [customer.domain for customer in customers if customer.owner]
    write_accounts(
        workspace_id,
        [
            customer if customer.owner else replace(customer, customer=False, parent=random.choice(owned))
            for customer in customers
        ],
        now,
    )


def _received_before(until: datetime, seed: str) -> list[SyntheticLead]:
    """Leads of the days before, oldest first. They come in waves, so that these days are quick to play."""
    days = synthetic_leads(EARLIER, f"{seed}-before", until, DAYS_BEFORE)
    random = Random(f"waves:{seed}")
    waves = []
    for lead in days:
        wave = until - ((until - lead.received_at) // _WAVE) * _WAVE
        waves.append(replace(lead, received_at=wave - random.random() * _WAVE_LASTS))
    return sorted(waves, key=lambda lead: lead.received_at)


def _received(now: datetime, seed: str) -> list[SyntheticLead]:
    """The day's leads, oldest first: a stream, and a rush towards its end."""
    stream = synthetic_leads(LEADS, seed, now, WINDOW / timedelta(days=1))
    rush = synthetic_leads(RUSH, f"{seed}-rush", now, RUSH_WINDOW / timedelta(days=1))
    return sorted([*stream, *rush], key=lambda lead: lead.received_at)


def _place_a_list(workspace_id: UUID, at: datetime, seed: str) -> None:
    """A list of visitors of a fair, who were not asked whether they want to be called."""
    from dibs.distribution import placing

    visitors = synthetic_leads(LISTED, f"{seed}-fair", at, days=2)
    listed = [
        replace(lead, source="trade_fair", consent=False, message=None, use_case=None, deal_value=None, currency=None)
        for lead in visitors
    ]
    placing.place(workspace_id, list(_arrivals(listed, f"{seed}-fair")), now=at)


def _publish(workspace_id: UUID, at: datetime) -> None:
    """The policy, in force since before the first lead came."""
    from dibs.distribution import policies
    from dibs.people.models import User

    ops = User.objects.get(email=_email("nora"))
    policies.publish(workspace_id, sample_policy(), by=ops, note="The policy the sample starts with", now=at)


def _campaign(workspace_id: UUID, received: list[SyntheticLead]) -> None:
    """What the leads answer to, and what it sent."""
    from dibs.crm.models import Campaign, Piece

    for key, source in sorted(
        {(str(lead.attributes["campaign"]), lead.source) for lead in received if "campaign" in lead.attributes}
    ):
        name = key.replace("-", " ").capitalize()
        campaign, made = Campaign.objects.get_or_create(
            workspace_id=workspace_id, key=key, defaults={"name": name, "channel": _CHANNELS.get(source, "other")}
        )
        if made:
            Piece.objects.create(
                workspace_id=workspace_id,
                campaign=campaign,
                title=name,
                kind="mail",
                text=f"{name}: what changes, in five minutes.",
            )


def _announce(workspace_id: UUID, now: datetime) -> None:
    """A rule gets stricter the day after tomorrow, and everybody knows it by now."""
    from dibs.distribution import policies
    from dibs.people.models import User

    stricter = re.sub(r"hold_at_most: \d+ ", "hold_at_most: 8 ", sample_policy(), count=1)
    policies.publish(
        workspace_id,
        stricter,
        by=User.objects.get(email=_email("nora")),
        note="Ten in hand is more than anybody calls",
        effective_from=(now + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0),
        now=now - timedelta(minutes=40),
    )


def _have_read(callers: list[Caller], until: datetime) -> None:
    """What people were told before then they have read."""
    from dibs.delivery import notices

    for caller in callers:
        given = [notice.id for notice in notices.notices_of(caller) if notice.at < until]
        notices.mark_read(caller, until, given)


def sample_policy() -> str:
    """The text of the policy: beside the source in a clone, in the package where that was installed."""
    package = Path(dibs.__file__).parent
    for folder in (package.parent.parent / "policies", package / "policies"):
        if (folder / _POLICY).is_file():
            return (folder / _POLICY).read_text(encoding="utf-8")
    raise FileNotFoundError(f"{_POLICY} is missing: this copy of Dibs is not whole")


def _arrivals(received: list[SyntheticLead], seed: str) -> Iterator[Arrival]:
    from dibs.crm.arrival import Arrival

    random = Random(f"ids:{seed}")
    for lead in received:
        fields = {name: getattr(lead, name) for name in SyntheticLead.__dataclass_fields__}
        attributes = dict(lead.attributes)
        fields |= {"campaign": attributes.pop("campaign", None), "attributes": attributes}
        fields["deal_value"] = None if lead.deal_value is None else Decimal(str(lead.deal_value))
        yield Arrival(**fields, lead_id=_id(lead.received_at, random))


def _id(at: datetime, random: Random) -> UUID:
    """A UUIDv7 (RFC 9562) whose chance comes from the seed: turns that are tied break by it, the same way each time."""
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62))


def _email(handle: str) -> str:
    return f"{handle}@{_DOMAIN}"


def _language(handle: str, spoken: str) -> str:
    return spoken if spoken in _SPOKEN and handle not in _FIRST else "en"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def demo(as_json: bool) -> None:
    """Fill a sample workspace with teams, people, a policy and synthetic leads.

    The workspace is called "sample" and stays apart from all others. If it is there already, nothing is changed.
    """
    from dibs.cli.database import connected, tell

    with connected(new=True):
        from django.utils.timezone import now

        tell("Filling the sample workspace")
        filled = fill_sample(now())
    if as_json:
        logins = [asdict(login) for login in sample_logins()]
        click.echo(json.dumps({"filled": filled and asdict(filled), "password": PASSWORD, "logins": logins}))
        return
    if filled is None:
        click.echo("The sample workspace is here already.")
    else:
        click.echo(
            f"{filled.leads:,} leads came in, {filled.claimed:,} were claimed, {filled.contacted:,} contacted and "
            f"{filled.ended:,} brought to an end; made in {filled.seconds:.0f} s."
        )
    click.echo(said_logins())


def said_logins() -> str:
    """The logins that a newcomer wants first, as lines to print."""
    logins = {login.email: login for login in sample_logins()}
    first = [logins[_email(handle)] for handle in _FIRST]
    return "\n".join(
        [
            f"Log in with one of these and the password {PASSWORD}:",
            *(f"  {login.email:<24} {login.name}, {_SAID[login.role]}" for login in first),
            f"and {len(logins) - len(first)} more. Kenji reads Japanese, Diego Spanish, Siti Indonesian: "
            f"{', '.join(_email(handle) for handle in ('kenji', 'diego', 'siti'))}",
        ]
    )


_SAID = {"rep": "sells", "manager": "leads two teams", "ops": "writes the policy"}
