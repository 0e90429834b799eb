from __future__ import annotations

import pytest

from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.match import account_of

ACME = AccountFacts("Acme", "acme.example", owner="aiko")


@pytest.mark.parametrize(
    ("domain", "candidates", "found", "code"),
    [
        ("acme.example", [ACME], ACME, "matched_account"),
        ("ACME.example", [ACME], ACME, "matched_account"),
        ("other.example", [ACME], None, "no_account"),
        ("acme.example", [], None, "no_account"),
        (None, [ACME], None, "no_domain"),
        (None, [AccountFacts("Nameless", None)], None, "no_domain"),
    ],
)
def test_a_lead_belongs_to_the_account_of_its_domain(
    domain: str | None, candidates: list[AccountFacts], found: AccountFacts | None, code: str
) -> None:
    account, reason = account_of(LeadFacts(domain=domain), candidates)
    assert account == found
    assert reason.code == code


def test_of_two_accounts_with_one_domain_the_one_with_an_owner_is_meant() -> None:
    nobodys = AccountFacts("Aaa", "acme.example")
    for order in ([nobodys, ACME], [ACME, nobodys]):
        account, reason = account_of(LeadFacts(domain="acme.example"), order)
        assert account == ACME
        assert reason.params == {"account": "Acme", "domain": "acme.example", "owner": "aiko"}
