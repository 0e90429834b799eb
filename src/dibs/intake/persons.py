"""Finding one person in everything: asked for by an address, a number, or a lead of theirs.

People are recognised as they are when they come in (`dibs.crm.persons`): by a mailbox of their own, or by a number or a shared mailbox
together with their name. Who asks by an address or a number means everybody who has it; then each of these is followed to what else is
known of them: leads that were merged, contacts, deals, accounts that were made of them alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import phonenumbers
from django.db import connection
from phonenumbers import NumberParseException, PhoneNumberFormat

from dibs.crm.do_not_contact import Entry, entries_of
from dibs.crm.persons import known_by, mailbox, name_key
from dibs.intake.emails import clean_email
from dibs.intake.phones import clean_phone
from dibs.people.models import Workspace

#: How often what was found is followed to more: a chain of people who are one another's is no chain after that.
_STEPS = 8
#: The shortest address, number and name that are looked for in other texts: what is shorter would be found in anything.
_SHORTEST_ADDRESS, _SHORTEST_NUMBER, _SHORTEST_NAME = 6, 7, 3


class NotAPerson(ValueError):
    """What was asked for is no address, no number and no lead. ``code``: ``email_invalid``, ``phone_invalid`` or ``nothing_asked``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked for: ``email`` as a mailbox, ``phone`` in E.164, or ``lead``; exactly one."""

    email: str | None = None
    phone: str | None = None
    lead: UUID | None = None

    def entries(self) -> tuple[Entry, ...]:
        """What of it can be on the list of those who must not be contacted."""
        return entries_of(self.email, self.phone)


@dataclass(frozen=True, slots=True)
class Found:
    """A lead of theirs, to be recognised by."""

    id: UUID
    name: str | None
    company: str | None
    email: str | None
    phone: str | None
    source: str
    received_at: Any
    state: str


@dataclass(slots=True)
class Person:
    """Somebody, and whose rows theirs are. ``emails``, ``phones`` and ``names``: all they were called, as it was written."""

    leads: dict[UUID, Found] = field(default_factory=dict)
    contacts: set[UUID] = field(default_factory=set)
    opportunities: set[UUID] = field(default_factory=set)
    accounts: set[UUID] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    def ids(self, whose: str) -> list[UUID]:
        """The ids of what rows can belong to; `whereabouts.Whose`."""
        by: dict[str, Collection[UUID]] = {
            "lead": self.leads,
            "contact": self.contacts,
            "opportunity": self.opportunities,
            "account": self.accounts,
        }
        return sorted(by[whose])

    def entries(self) -> tuple[Entry, ...]:
        """What of them can be on the list of those who must not be contacted: mailboxes and numbers in E.164."""
        both = [
            *(entries_of(email, None) for email in self.emails),
            *(entries_of(None, phone) for phone in self.phones),
        ]
        return tuple(sorted({entry for entries in both for entry in entries}))

    def several(self) -> bool:
        """Whether leads of people with different names were found: a shared mailbox or a switchboard was asked for."""
        return len({name_key(found.name) for found in self.leads.values() if found.name}) > 1


def asked_for(
    workspace_id: UUID, *, email: str | None = None, phone: str | None = None, lead: UUID | None = None
) -> Asked:
    """What was typed in, cleaned as intake cleans it. Raises `NotAPerson`."""
    given = [each for each in (email and email.strip(), phone and phone.strip(), lead) if each]
    if len(given) != 1:
        raise NotAPerson("nothing_asked")
    if lead is not None:
        return Asked(lead=lead)
    if email and email.strip():
        address, fine = clean_email(email.strip())
        if not fine or "\0" in address:
            raise NotAPerson("email_invalid")
        return Asked(email=mailbox(address)[0])
    assert phone is not None
    country = Workspace.objects.values_list("country", flat=True).get(id=workspace_id)
    number, _ = clean_phone(phone.strip(), country or None)
    if number is None:
        raise NotAPerson("phone_invalid")
    return Asked(phone=number)


def find(workspace_id: UUID, asked: Asked) -> Person:
    """Everybody who is asked for; nothing is locked. The person is empty where nobody is known so."""
    person = Person()
    if asked.email:
        person.emails.add(asked.email)
        _take(person, _leads_by(workspace_id, {asked.email}, set()))
        _take(person, _leads_known(workspace_id, asked.email))
        person.contacts |= _contacts_by(workspace_id, {asked.email}, set())
    elif asked.phone:
        person.phones.add(asked.phone)
        _take(person, _leads_by(workspace_id, set(), {asked.phone}))
        _take(person, _leads_known(workspace_id, asked.phone))
        person.contacts |= _contacts_by(workspace_id, set(), {asked.phone})
    elif asked.lead:
        _take(person, _leads(workspace_id, [asked.lead]))
    _follow(workspace_id, person)
    return person


def again(workspace_id: UUID, person: Person) -> Person:
    """The same, of whom more may be known by now: what has come in since `find` is found too."""
    _follow(workspace_id, person)
    return person


def of_leads(workspace_id: UUID, leads: Iterable[UUID]) -> Person:
    """The people of these leads as far as these leads go: with their opportunities, the contacts that no other lead is of, and what they were called here."""
    person = Person()
    _take(person, _leads(workspace_id, list(leads)))
    person.opportunities = _ids(
        "SELECT id FROM crm_opportunity WHERE workspace_id = %s AND lead_id = ANY(%s)",
        [workspace_id, person.ids("lead")],
    )
    person.contacts = _ids(
        """
        SELECT contact_id FROM crm_lead WHERE workspace_id = %(workspace)s AND id = ANY(%(leads)s) AND contact_id IS NOT NULL
        UNION SELECT contact_id FROM crm_opportunity WHERE workspace_id = %(workspace)s AND id = ANY(%(deals)s) AND contact_id IS NOT NULL
        EXCEPT SELECT contact_id FROM crm_lead WHERE workspace_id = %(workspace)s AND NOT id = ANY(%(leads)s) AND contact_id IS NOT NULL
        EXCEPT SELECT contact_id FROM crm_opportunity WHERE workspace_id = %(workspace)s AND NOT id = ANY(%(deals)s) AND contact_id IS NOT NULL
        """,
        {"workspace": workspace_id, "leads": person.ids("lead"), "deals": person.ids("opportunity")},
    )
    _call(workspace_id, person)
    person.accounts = _accounts(workspace_id, person)
    return person


def _follow(workspace_id: UUID, person: Person) -> None:
    """What else is theirs, from what is found; until nothing new is."""
    for _ in range(_STEPS):
        before = len(person.leads) + len(person.contacts)
        known = {one for lead in person.leads.values() for one in known_by(lead.email, lead.phone, lead.name)}
        for found in _leads_by(
            workspace_id,
            {one.value for one in known if "@" in one.value},
            {one.value for one in known if "@" not in one.value},
        ):
            if known & set(known_by(found.email, found.phone, found.name)):
                _take(person, [found])
        _take(person, _merged(workspace_id, person.ids("lead")))
        person.contacts |= _contacts_of(workspace_id, person.ids("lead"))
        own = {one.value for one in known if one.own}
        person.contacts |= _contacts_by(workspace_id, own, set())
        _take(person, _leads_of_contacts(workspace_id, person.ids("contact")))
        if len(person.leads) + len(person.contacts) == before:
            break
    _call(workspace_id, person)
    leads, contacts = person.ids("lead"), person.ids("contact")
    person.opportunities = _ids(
        "SELECT id FROM crm_opportunity WHERE workspace_id = %s AND (lead_id = ANY(%s) OR contact_id = ANY(%s))",
        [workspace_id, leads, contacts],
    )
    person.accounts = _accounts(workspace_id, person)


def _accounts(workspace_id: UUID, person: Person) -> set[UUID]:
    """Accounts that were made of this person's leads alone, and are as good as the person."""
    return _ids(
        """
        SELECT id FROM crm_account account WHERE workspace_id = %(workspace)s AND made AND NOT customer
            AND (id IN (SELECT account_id FROM crm_lead WHERE workspace_id = %(workspace)s AND id = ANY(%(leads)s))
                OR id IN (SELECT account_id FROM crm_contact WHERE workspace_id = %(workspace)s AND id = ANY(%(contacts)s)))
            AND NOT EXISTS (SELECT FROM crm_lead WHERE account_id = account.id AND NOT id = ANY(%(leads)s) AND NOT flags @> '{erased}')
            AND NOT EXISTS (SELECT FROM crm_contact WHERE account_id = account.id AND NOT id = ANY(%(contacts)s))
            AND NOT EXISTS (SELECT FROM crm_account child WHERE child.parent_id = account.id)
        """,
        {"workspace": workspace_id, "leads": person.ids("lead"), "contacts": person.ids("contact")},
    )


def _take(person: Person, found: Iterable[Found]) -> None:
    person.leads.update((lead.id, lead) for lead in found)


def _call(workspace_id: UUID, person: Person) -> None:
    """All they were called: on leads, on contacts, and by what they were recognised."""
    for found in person.leads.values():
        _named(person, found.name, found.email, found.phone)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, email, phone FROM crm_contact WHERE workspace_id = %s AND id = ANY(%s)",
            [workspace_id, person.ids("contact")],
        )
        for name, email, phone in cursor.fetchall():
            _named(person, name, email, phone)
        cursor.execute(
            "SELECT value FROM crm_knownby WHERE workspace_id = %s AND lead_id = ANY(%s)",
            [workspace_id, person.ids("lead")],
        )
        for (value,) in cursor.fetchall():
            (person.emails if "@" in value else person.phones).add(value)


def _named(person: Person, name: str | None, email: str | None, phone: str | None) -> None:
    for value, kept in ((name, person.names), (email, person.emails), (phone, person.phones)):
        if value and value.strip():
            kept.add(value.strip())


#: A lead's address as persons are recognised by it, as `crm.persons.mailbox` makes it.
_BOX = """
    CASE WHEN lower(split_part(email, '@', 2)) IN ('gmail.com', 'googlemail.com')
        THEN replace(split_part(split_part(lower(email), '@', 1), '+', 1), '.', '') || '@gmail.com'
        ELSE split_part(split_part(lower(email), '@', 1), '+', 1) || '@' || split_part(lower(email), '@', 2) END
"""
_FOUND = "id, name, company, email, phone, source, received_at, state"


def _leads_by(workspace_id: UUID, emails: Collection[str], phones: Collection[str]) -> list[Found]:
    """Leads with these mailboxes or numbers, whatever they are called. Looks through all leads: there is no index by them."""
    if not emails and not phones:
        return []
    return _found(
        f"workspace_id = %s AND ((email IS NOT NULL AND ({_BOX} = ANY(%s) OR lower(email) = ANY(%s))) OR phone = ANY(%s))",
        [workspace_id, sorted(emails), sorted(emails), sorted(phones)],
    )


def _leads_known(workspace_id: UUID, value: str) -> list[Found]:
    return _found(
        "workspace_id = %s AND id IN (SELECT lead_id FROM crm_knownby WHERE workspace_id = %s AND value = %s)",
        [workspace_id, workspace_id, value],
    )


def _leads(workspace_id: UUID, ids: Collection[UUID]) -> list[Found]:
    return _found("workspace_id = %s AND id = ANY(%s)", [workspace_id, list(ids)])


def _merged(workspace_id: UUID, ids: Collection[UUID]) -> list[Found]:
    """Leads that were merged into these, and those into which these were."""
    return _found(
        "workspace_id = %s AND (id IN (SELECT merged_into_id FROM crm_lead WHERE id = ANY(%s) AND merged_into_id IS NOT NULL) "
        "OR id IN (SELECT gone_id FROM crm_merge WHERE workspace_id = %s AND kept_id = ANY(%s) AND undone_at IS NULL))",
        [workspace_id, list(ids), workspace_id, list(ids)],
    )


def _leads_of_contacts(workspace_id: UUID, contacts: Collection[UUID]) -> list[Found]:
    if not contacts:
        return []
    return _found("workspace_id = %s AND contact_id = ANY(%s)", [workspace_id, list(contacts)])


def _contacts_of(workspace_id: UUID, leads: Collection[UUID]) -> set[UUID]:
    return _ids(
        "SELECT contact_id FROM crm_lead WHERE workspace_id = %s AND id = ANY(%s) AND contact_id IS NOT NULL",
        [workspace_id, list(leads)],
    )


def _contacts_by(workspace_id: UUID, emails: Collection[str], phones: Collection[str]) -> set[UUID]:
    return _ids(
        f"SELECT id FROM crm_contact WHERE workspace_id = %s AND (email = ANY(%s) OR {_BOX} = ANY(%s) OR phone = ANY(%s))",
        [workspace_id, sorted(emails), sorted(emails), sorted(phones)],
    )


def _found(where: str, params: list[Any]) -> list[Found]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_FOUND} FROM crm_lead WHERE {where} ORDER BY received_at, id", params)
        return [Found(*row) for row in cursor.fetchall()]


def _ids(statement: str, params: Any) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return {row[0] for row in cursor.fetchall()}


def entries_apart(workspace_id: UUID, person: Person) -> tuple[Entry, ...]:
    """What of them goes on the list of those who must not be contacted: not what somebody else has too, who may be."""
    mailboxes = {mailbox(email)[0] for email in person.emails if "@" in email}
    shared = _others(workspace_id, person, mailboxes, person.phones)
    return tuple(entry for entry in person.entries() if entry.value not in shared)


def told_apart(workspace_id: UUID, person: Person) -> tuple[str, ...]:
    """All texts that mean this person and nobody else who is known here, longest first: addresses, numbers as people write them, and names
    of several words. What somebody else has too (a switchboard, a namesake) is left out: texts about them would be spoilt."""
    texts: set[str] = set()
    mailboxes = {mailbox(email)[0] for email in person.emails if "@" in email}
    shared = _others(workspace_id, person, mailboxes, person.phones)
    for email in person.emails | mailboxes:
        if len(email) >= _SHORTEST_ADDRESS and "@" in email and mailbox(email)[0] not in shared:
            texts.add(email)
    for phone in person.phones:
        if phone not in shared:
            texts |= {text for text in _ways(phone) if sum(map(str.isdigit, text)) >= _SHORTEST_NUMBER}
    return _longest(texts | set(_telling_names(workspace_id, person)) - _namesakes(workspace_id, person))


def own_texts(workspace_id: UUID, person: Person) -> tuple[str, ...]:
    """The same for rows that are theirs, where it does not matter who else has them. A name of one word is not looked for there either:
    *Ted* is in *converted*."""
    mailboxes = {mailbox(email)[0] for email in person.emails if "@" in email}
    phones = {text for phone in person.phones for text in _ways(phone)}
    return _longest({*person.emails, *mailboxes, *phones, *_telling_names(workspace_id, person)})


def _longest(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _others(workspace_id: UUID, person: Person, mailboxes: Collection[str], phones: Collection[str]) -> set[str]:
    """Which of these somebody has who is not this person."""
    others = [found for found in _leads_by(workspace_id, mailboxes, phones) if found.id not in person.leads]
    return {
        value for found in others for value in (mailbox(found.email)[0] if found.email else None, found.phone) if value
    }


def _telling_names(workspace_id: UUID, person: Person) -> list[str]:
    """The names that tell them apart in a text, each as it may be written: without what the company calls something by itself, as a
    form's *Web Form* or a rep of the same name."""
    names = {way for name in person.names if _tells(name) for way in _orders(name)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT name FROM unnest(%(names)s::text[]) AS said(name) WHERE
                EXISTS (SELECT FROM intake_source known WHERE known.workspace_id = %(workspace)s AND lower(known.name) = lower(said.name))
                OR EXISTS (SELECT FROM crm_campaign known WHERE known.workspace_id = %(workspace)s
                           AND lower(said.name) IN (lower(known.name), lower(known.key)))
                OR EXISTS (SELECT FROM people_user known WHERE known.workspace_id = %(workspace)s AND lower(known.name) = lower(said.name))
                OR EXISTS (SELECT FROM people_rep known WHERE known.workspace_id = %(workspace)s AND lower(known.name) = lower(said.name))
                OR EXISTS (SELECT FROM people_team known WHERE known.workspace_id = %(workspace)s AND lower(known.name) = lower(said.name))
                OR EXISTS (SELECT FROM distribution_policyversion known WHERE known.workspace_id = %(workspace)s
                           AND position(lower(to_json(said.name)::text) IN lower(known.document::text)) > 0)
            """,
            {"workspace": workspace_id, "names": sorted(names)},
        )
        return sorted(names - {name for (name,) in cursor.fetchall()})


def _orders(name: str) -> set[str]:
    """A name of two words as people turn it round; of a script that needs no blank between them, without it."""
    words = name.split()
    if len(words) != 2:
        return {name}
    first, last = words
    if name.isascii() or name[0].isupper():
        return {name, f"{last} {first}", f"{last}, {first}"}
    return {name, first + last, f"{first}\u3000{last}"}


def _namesakes(workspace_id: UUID, person: Person) -> set[str]:
    """Which of their names somebody else has who is known here, however it is turned round."""
    orders = {way.lower(): name for name in person.names if _tells(name) for way in _orders(name)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT lower(name) FROM crm_lead WHERE workspace_id = %s AND lower(name) = ANY(%s) AND NOT id = ANY(%s)",
            [workspace_id, sorted(orders), person.ids("lead")],
        )
        theirs = {orders[name] for (name,) in cursor.fetchall() if name in orders}
    return {way for name in theirs for way in _orders(name)}


def _tells(name: str) -> bool:
    """Whether a name tells somebody apart in a text: a word alone does not, unless it is in a script that writes names without spaces."""
    return len(name.split()) > 1 or (len(name) >= _SHORTEST_NAME and not name.isascii() and not name[0].isupper())


def _ways(phone: str) -> set[str]:
    """A number as people write it."""
    ways = {phone}
    try:
        number = phonenumbers.parse(phone, None)
    except NumberParseException:
        return ways
    for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.E164):
        ways.add(phonenumbers.format_number(number, form))
    national = phonenumbers.national_significant_number(number)
    return ways | {national, phone.removeprefix("+")}
