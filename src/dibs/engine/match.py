"""Whose is this lead already: the account it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from dibs.engine.decision import Reason
from dibs.engine.facts import AccountFacts, LeadFacts


def account_of(lead: LeadFacts, candidates: Sequence[AccountFacts]) -> tuple[AccountFacts | None, Reason]:
    """The account with the lead's registered e-mail domain, and why it is that one, or why there is none.

    ``lead.domain`` is ``None`` for free mail, so that two strangers at one mail provider never become one customer. Of
    several accounts with one domain, one that somebody owns goes first, then by name.
    """
    if not lead.domain:
        return None, Reason("no_domain")
    domain = lead.domain.lower()
    same = [account for account in candidates if account.domain is not None and account.domain.lower() == domain]
    if not same:
        return None, Reason("no_account", {"domain": domain})
    account = min(same, key=lambda account: (account.owner is None, account.name or ""))
    params = {"account": account.name, "domain": domain, "owner": account.owner}
    return account, Reason("matched_account", params)
