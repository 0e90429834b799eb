"""Leads that turn out to be an account's when more is known of them than before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from dibs.crm.models import NearMiss
from dibs.distribution.matching import Match, match_accounts
from dibs.distribution.near_misses import Miss, keep_near
from dibs.distribution.reading import Row, lead_facts
from dibs.engine.lifecycle import ENDED
from dibs.engine.policy_market import Matching

#: What a lead is matched to an account by.
_TELLING = ("company", "domain", "phone")


def found_later(
    workspace_id: UUID, matching: Matching, rows: Mapping[UUID, Row], given: Mapping[UUID, Mapping[str, Any]]
) -> dict[UUID, Match]:
    """Of open leads that are no account's and whose company, domain or number is ``given`` anew, the account that each belongs to, or
    is near. Without those that a person kept apart from it."""
    asked = [
        lead
        for lead, new in given.items()
        if (row := rows[lead])["account_id"] is None
        and row["state"] not in ENDED
        and "account_id" not in new
        and any(new.get(name) not in (None, row[name]) for name in _TELLING)
    ]
    if not asked:
        return {}
    columns = [rows[lead] | dict(given[lead]) for lead in asked]
    matches = match_accounts(workspace_id, [(lead_facts(row), row) for row in columns], matching)
    found = {
        lead: match
        for lead, match in zip(asked, matches, strict=True)
        if match.account_id is not None or match.near_id is not None
    }
    apart = _kept_apart(workspace_id, found)
    return {lead: match for lead, match in found.items() if (lead, match.account_id or match.near_id) not in apart}


def _kept_apart(workspace_id: UUID, leads: Iterable[UUID]) -> set[tuple[UUID, UUID | None]]:
    wanted = sorted(leads)
    if not wanted:
        return set()
    decided = NearMiss.objects.filter(workspace_id=workspace_id, lead__in=wanted, state="apart", account__isnull=False)
    return set(decided.values_list("lead_id", "account_id"))


def accounts_asked_about(workspace_id: UUID, leads: Iterable[UUID]) -> set[UUID]:
    """Those of the leads of which a person has still to say whether they belong to an account."""
    waiting = NearMiss.objects.filter(
        workspace_id=workspace_id, lead__in=list(leads), state="open", account__isnull=False
    )
    return set(waiting.values_list("lead_id", flat=True))


def keep_near_accounts(workspace_id: UUID, found: Mapping[UUID, Match], now: datetime) -> None:
    """Put those that are only near an account before a person."""
    keep_near(
        workspace_id,
        [
            Miss(lead, match.judged.score, match.judged.parts, account=match.near_id)
            for lead, match in found.items()
            if match.near_id is not None
        ],
        now,
    )
