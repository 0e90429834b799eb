"""Which accounts new leads may belong to, and how like they are: the candidates come from indexes, the engine judges them.

By registered domain, by the name as names are compared, by telephone number; and where neither domain nor name is one that is known,
by the marks that a name keeps when it is written otherwise (`crm.marks`), of a whole batch at once. A workspace without accounts pays
one look for a batch; leads of which neither company, domain nor number is known pay none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from rapidfuzz import fuzz

from dibs.crm.companies import company_key
from dibs.crm.marks import marks_sought
from dibs.distribution.families import Relative, relatives
from dibs.engine import match
from dibs.engine.facts import LeadFacts
from dibs.engine.match import Domains, Judged, Likeness
from dibs.engine.policy_market import Matching

#: Accounts with the very same name, or number, that are looked at: more say nothing about any of them.
_SAME = 8
#: Accounts with a like name that are judged, the likest.
_LIKE = 12
#: A mark that more accounts have than this says nothing about any of them.
_COMMON = 64
#: Accounts that are read for the marks of a batch in one go.
_WALK = 20_000


@dataclass(frozen=True, slots=True)
class Account:
    """A candidate as it is read."""

    id: UUID
    name_key: str
    domain: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """What was found for one lead. ``account_id``: the account it belongs to; ``near_id``: the one that a person is asked about."""

    judged: Judged
    account_id: UUID | None = None
    near_id: UUID | None = None


#: Without a policy nothing is matched.
UNMATCHED = Match(Judged(None, ()))


def match_accounts(
    workspace_id: UUID, leads: Sequence[tuple[LeadFacts, Mapping[str, Any]]], matching: Matching
) -> list[Match]:
    """For each lead, its facts and its columns, the account that it belongs to."""
    domains = {facts.domain.lower() for facts, _ in leads if facts.domain}
    phones = {phone for facts, columns in leads if (phone := _phone(facts, columns))}
    sayings = domains or phones or any(facts.company for facts, _ in leads)
    if not sayings or not _any_accounts(workspace_id):
        return [Match(match.account_of(matching, facts, ())) for facts, _ in leads]
    keys = [company_key(facts.company) if facts.company else "" for facts, _ in leads]
    found = _Found(_exactly(workspace_id, domains, {key for key in keys if key}, phones))
    like = _like(
        workspace_id,
        {
            key
            for key, (facts, _) in zip(keys, leads, strict=True)
            if key and key not in found.by_key and (facts.domain or "").lower() not in found.by_domain
        },
    )
    found.add(account for accounts in like.values() for account in accounts)
    candidates = [
        found.of(facts, key, _phone(facts, columns), like) for key, (facts, columns) in zip(keys, leads, strict=True)
    ]
    families = relatives(workspace_id, {account.id for accounts in candidates for account in accounts})
    return [
        _judged(matching, facts, key, _phone(facts, columns), accounts, families)
        for key, (facts, columns), accounts in zip(keys, leads, candidates, strict=True)
    ]


def _phone(facts: LeadFacts, columns: Mapping[str, Any]) -> str | None:
    """The lead's number, if it is one."""
    phone = facts.phone
    return phone if phone and phone.startswith("+") and "phone_invalid" not in columns["flags"] else None


class _Found:
    """Accounts at hand, by what leads may have in common with them."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.by_domain: dict[str, list[Account]] = {}
        self.by_key: dict[str, list[Account]] = {}
        self.by_phone: dict[str, list[Account]] = {}
        self._known: set[UUID] = set()
        self.add(accounts)

    def add(self, accounts: Iterable[Account]) -> None:
        for account in accounts:
            if account.id in self._known:
                continue
            self._known.add(account.id)
            for index, value in (
                (self.by_domain, account.domain),
                (self.by_key, account.name_key),
                (self.by_phone, account.phone),
            ):
                if value:
                    index.setdefault(value, []).append(account)

    def of(self, facts: LeadFacts, key: str, phone: str | None, like: Mapping[str, Sequence[Account]]) -> list[Account]:
        """The accounts that a lead may belong to."""
        some = [
            *self.by_domain.get((facts.domain or "").lower(), ()),
            *self.by_key.get(key, ()),
            *self.by_phone.get(phone or "", ()),
            *like.get(key, ()),
        ]
        return list({account.id: account for account in some}.values())


def _judged(
    matching: Matching,
    facts: LeadFacts,
    key: str,
    phone: str | None,
    accounts: Sequence[Account],
    families: Mapping[UUID, Relative],
) -> Match:
    accounts = [account for account in accounts if account.id in families]  # One may be gone by now.
    judged = match.account_of(
        matching,
        facts,
        [
            Likeness(
                account=families[account.id].facts,
                domains=_domains(facts.domain, account.domain),
                name=alike(key, account.name_key) if key and account.name_key else None,
                phone=phone is not None and phone == account.phone,
                family=families[account.id].top,
            )
            for account in accounts
        ],
    )
    return Match(
        judged,
        accounts[judged.at].id if judged.at is not None else None,
        accounts[judged.near].id if judged.near is not None else None,
    )


def alike(one: str, other: str) -> float:
    """How like two names are, as names are compared, 0..1: letter by letter, whatever the order of words and the blanks between them.
    A name that is a whole part of the other is like it by how much of it that is."""
    if one == other:
        return 1.0
    best = max(fuzz.token_sort_ratio(one, other), fuzz.ratio(one.replace(" ", ""), other.replace(" ", "")))
    shorter, longer = sorted((set(one.split()), set(other.split())), key=len)
    if len(shorter) > 1 and shorter < longer:
        share = sum(map(len, shorter)) / sum(map(len, longer))
        best = max(best, 55 + 35 * share)
    return float(best) / 100


def _domains(one: str | None, other: str | None) -> Domains | None:
    if not one or not other:
        return None
    one = one.lower()
    if one == other:
        return "same"
    return "other_ending" if one.partition(".")[0] == other.partition(".")[0] else "other"


def _any_accounts(workspace_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM crm_account WHERE workspace_id = %s)", [workspace_id])
        return bool(cursor.fetchone()[0])


_COLUMNS = "account.id, account.name_key, account.domain, account.phone"


def _exactly(workspace_id: UUID, domains: set[str], keys: set[str], phones: set[str]) -> list[Account]:
    """Accounts with one of these domains, names or numbers."""
    asked = [
        (
            f"SELECT {_COLUMNS} FROM unnest(%s::text[]) AS said(value), LATERAL (SELECT * FROM crm_account "
            f"WHERE workspace_id = %s AND {column} = said.value LIMIT {_SAME}) account",
            values,
        )
        for column, values in (("domain", domains), ("name_key", keys), ("phone", phones))
        if values
    ]
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(question for question, _ in asked),
            [value for _, values in asked for value in (sorted(values), workspace_id)],
        )
        return [Account(*row) for row in cursor.fetchall()]


def _like(workspace_id: UUID, keys: set[str]) -> dict[str, list[Account]]:
    """For each of these names the accounts with the likest, of those that have a mark in common with it."""
    sought = {key: marks_sought(workspace_id, key) for key in keys}
    marks = sorted(set().union(*sought.values()))
    if not marks:
        return {}
    with connection.cursor() as cursor:
        kept = _with_marks(cursor, workspace_id, marks)
        if not kept:
            return {}
        cursor.execute(
            f"SELECT {_COLUMNS} FROM crm_account account WHERE workspace_id = %s AND id = ANY(%s)",
            [workspace_id, list(set().union(*kept.values()))],
        )
        accounts = {row[0]: Account(*row) for row in cursor.fetchall()}
    return {
        key: _likest(key, [accounts[one] for one in {one for mark in few for one in kept[mark]} if one in accounts])
        for key, several in sought.items()
        if (few := several & kept.keys())
    }


def _with_marks(cursor: Any, workspace_id: UUID, marks: Sequence[int]) -> dict[int, list[UUID]]:
    """The accounts with each of these marks, as far as it tells accounts apart. Of most there is none, and one walk along the key tells
    so for all of them; where some of them are common it would find too many, and each is looked at up to there."""
    cursor.execute(
        f"SELECT mark, account_id FROM crm_accountmark WHERE mark = ANY(%s::bigint[]) AND workspace_id = %s LIMIT {_WALK}",
        [marks, workspace_id],
    )
    found: dict[int, list[UUID]] = {}
    rows = cursor.fetchall()
    if len(rows) < _WALK:
        for mark, account in rows:
            found.setdefault(mark, []).append(account)
        return {mark: accounts for mark, accounts in found.items() if len(accounts) <= _COMMON}
    # In the order of the key, so that no plan looks for a common mark through the whole table.
    cursor.execute(
        f"""
        SELECT said.mark, array_agg(kept.account_id) FROM unnest(%s::bigint[]) AS said(mark), LATERAL (
            SELECT account_id FROM crm_accountmark WHERE mark = said.mark AND workspace_id = %s
            ORDER BY mark, account_id LIMIT {_COMMON + 1}
        ) kept GROUP BY said.mark HAVING count(*) <= {_COMMON}
        """,
        [marks, workspace_id],
    )
    return dict(cursor.fetchall())


def _likest(key: str, accounts: Iterable[Account]) -> list[Account]:
    likeness = [(alike(key, account.name_key), account) for account in accounts]
    some = [one for one in likeness if one[0] >= match.UNLIKE]
    return [account for _, account in sorted(some, key=lambda one: (-one[0], one[1].id))[:_LIKE]]
