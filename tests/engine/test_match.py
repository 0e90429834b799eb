from __future__ import annotations

import pytest

from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.match import Likeness, Resemblance, account_of, person_of
from dibs.engine.policy_market import Matching

ACME = AccountFacts("Acme", "acme.example", owner="aiko")
NOBODYS = AccountFacts("Acme Trading", "trading.example")
LEAD = LeadFacts(domain="acme.example", company="Acme")
RULES = Matching()


@pytest.mark.parametrize(
    ("likeness", "score", "found"),
    [
        (Likeness(ACME, domains="same"), 1.0, "account"),
        (Likeness(ACME, domains="same", name=0.2), 1.0, "account"),
        (Likeness(ACME, name=1.0), 0.95, "account"),
        (Likeness(ACME, name=1.0, domains="other_ending"), 0.95, "account"),
        (Likeness(ACME, name=1.0, domains="other"), 0.8075, "near"),
        (Likeness(ACME, name=0.9), 0.855, "near"),
        (Likeness(ACME, name=0.95), 0.9025, "account"),
        (Likeness(ACME, name=0.7), 0.665, "nothing"),
        (Likeness(ACME, phone=True), 0.92, "account"),
        (Likeness(ACME, phone=True, name=0.3), 0.736, "near"),
        (Likeness(ACME, phone=True, name=0.7), 0.9732, "account"),
        (Likeness(ACME, phone=True, name=1.0, domains="other"), 0.9846, "account"),
        (Likeness(ACME, domains="other"), 0.0, "nothing"),
        (Likeness(ACME), 0.0, "nothing"),
    ],
)
def test_what_agrees_makes_the_score_and_the_score_what_is_done(likeness: Likeness, score: float, found: str) -> None:
    judged = account_of(RULES, LEAD, [likeness])
    codes = [reason.code for reason in judged.reasons]
    if found == "account":
        assert (judged.account, judged.at, judged.near, codes) == (ACME, 0, None, ["matched_account"])
        assert judged.reasons[0].params["owner"] == "aiko"
    elif found == "near":
        assert (judged.account, judged.at, judged.near) == (None, None, 0)
        assert codes == ["no_account", "near_account"]
    else:
        assert (judged.account, judged.at, judged.near, codes) == (None, None, None, ["no_account"])
        return
    assert judged.score == score
    assert judged.reasons[-1].params["score"] == score


def test_the_parts_say_what_the_score_was_made_of() -> None:
    judged = account_of(RULES, LEAD, [Likeness(ACME, name=0.9, phone=True)])
    assert judged.reasons[0].params["parts"] == [
        {"part": "name", "like": 0.9, "score": 0.855},
        {"part": "phone", "like": 1.0, "score": 0.92},
    ]


def test_the_likeliest_is_meant() -> None:
    for order in (
        [Likeness(NOBODYS, name=0.96), Likeness(ACME, name=1.0)],
        [Likeness(ACME, name=1.0), Likeness(NOBODYS, name=0.96)],
    ):
        judged = account_of(RULES, LEAD, order)
        assert judged.account == ACME
        assert order[judged.at or 0].account == ACME


def test_of_two_as_likely_a_person_decides() -> None:
    judged = account_of(RULES, LEAD, [Likeness(NOBODYS, name=1.0, family="a"), Likeness(ACME, name=1.0, family="b")])
    assert judged.account is None
    assert judged.near == 1


def test_of_one_family_the_one_with_an_owner_is_meant() -> None:
    judged = account_of(RULES, LEAD, [Likeness(NOBODYS, name=1.0, family="a"), Likeness(ACME, name=1.0, family="a")])
    assert judged.account == ACME


def test_the_domain_is_not_doubted_for_a_like_name_elsewhere() -> None:
    judged = account_of(
        RULES, LEAD, [Likeness(NOBODYS, name=1.0, phone=True, family="a"), Likeness(ACME, domains="same", family="b")]
    )
    assert judged.account == ACME


def test_who_has_the_owner_of_the_one_above_says_so() -> None:
    branch = AccountFacts("Acme Japan", "acme.example", owner="aiko", parent="Acme", through="Acme")
    judged = account_of(RULES, LEAD, [Likeness(branch, domains="same")])
    assert [reason.code for reason in judged.reasons] == ["matched_account", "in_family"]
    assert judged.reasons[1].params == {"parent": "Acme", "owner": "aiko"}


@pytest.mark.parametrize(("domain", "code"), [("acme.example", "no_account"), (None, "no_domain")])
def test_nothing_found_says_what_was_looked_for(domain: str | None, code: str) -> None:
    judged = account_of(RULES, LeadFacts(domain=domain), ())
    assert [reason.code for reason in judged.reasons] == [code]


def test_a_policy_sets_how_sure_one_must_be() -> None:
    strict, lax = Matching(account_at=0.99, review_at=0.9), Matching(account_at=0.6, review_at=0.5)
    assert account_of(strict, LEAD, [Likeness(ACME, name=1.0)]).near == 0
    assert account_of(lax, LEAD, [Likeness(ACME, name=0.7)]).account == ACME


@pytest.mark.parametrize(
    ("seen", "score"),
    [
        (Resemblance(mailbox=True), 1.0),
        (Resemblance(mailbox=True, name=0.1), 1.0),
        (Resemblance(mailbox=True, own=False, name=0.9), 0.95),
        (Resemblance(mailbox=True, own=False, name=0.7), 0.75),
        (Resemblance(mailbox=True, own=False), 0.75),
        (Resemblance(mailbox=True, own=False, name=0.2), 0.4),
        (Resemblance(phone=True, name=1.0), 0.95),
        (Resemblance(phone=True, name=0.7), 0.75),
        (Resemblance(phone=True), 0.75),
        (Resemblance(phone=True, name=0.2), 0.4),
        (Resemblance(phone=True, mailbox=True, own=False, name=0.2), 0.4),
        (Resemblance(phone=True, mailbox=True, own=False, name=0.8), 0.75),
        (Resemblance(phone=True, name=0.9), 0.95),
        (Resemblance(phone=True, name=0.9, company=0.9), 0.95),
        (Resemblance(phone=True, name=0.9, addresses="other"), 0.85),
        (Resemblance(phone=True, name=0.9, addresses="colleagues"), 0.75),
        (Resemblance(phone=True, name=0.9, company=0.2), 0.75),
        (Resemblance(phone=True, name=1.0, company=0.2, addresses="other"), 0.95),
        (Resemblance(phone=True, name=0.7, company=0.8, addresses="other"), 0.75),
        (Resemblance(phone=True, name=0.7, company=0.2), 0.5),
        (Resemblance(phone=True, name=0.7, addresses="colleagues"), 0.5),
        (Resemblance(name=1.0), 0.0),
    ],
)
def test_a_mailbox_of_ones_own_is_enough_and_what_others_have_too_needs_the_name(
    seen: Resemblance, score: float
) -> None:
    assert person_of(seen)[0] == score
