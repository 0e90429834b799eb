"""Whose is this lead already: the account it belongs to, the person who came before.

Candidates and how like they are come from outside, where the index is and the measure of likeness; here they are judged. A score is
0..1, and its parts say what it was made of. Parts that agree strengthen each other as independent evidence does,
``1 - (1 - a)(1 - b)``; what speaks against a likeness takes a share of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dibs.engine.decision import Param, Reason, Scalar
from dibs.engine.facts import AccountFacts, LeadFacts
from dibs.engine.policy_market import Matching

#: What each part is worth when it agrees in full. A registered domain is one company's; a name several may have, a telephone number
#: moves on.
DOMAIN, NAME, PHONE = 1.0, 0.95, 0.92
#: What of a name's worth is left where both are known by domains that differ: in their ends alone (``acme.com``, ``acme.co.jp``), or in
#: all.
OTHER_ENDING, OTHER_DOMAIN = 1.0, 0.85
#: What of a telephone number's worth is left where the names differ: several companies at one switchboard.
OTHER_NAME = 0.8
#: Under this, two names are not alike at all.
UNLIKE = 0.6
#: Candidates whose scores lie no further apart than this are equally likely.
TIE = 0.02

#: From this score up it is the same person; from the other one up a person is asked.
SAME_PERSON, LIKE_PERSON = 0.9, 0.7
#: From here up, a person's name is the other one written a little otherwise.
LIKE_NAME = 0.85

Domains = Literal["same", "other_ending", "other"]
Addresses = Literal["other", "colleagues"]


@dataclass(frozen=True, slots=True)
class Likeness:
    """An account that a lead may belong to, and how like they are. ``domains`` ``None``: one of the two has none that is known;
    ``name`` 0..1, ``None`` likewise; ``family``: what accounts of one family have in common."""

    account: AccountFacts
    domains: Domains | None = None
    name: float | None = None
    phone: bool = False
    family: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The account (``at``: its place among the candidates), or else the one that a person is asked about, and why."""

    account: AccountFacts | None
    reasons: tuple[Reason, ...]
    at: int | None = None
    near: int | None = None
    score: float = 0.0
    parts: tuple[dict[str, Scalar], ...] = ()


def account_of(matching: Matching, lead: LeadFacts, candidates: Sequence[Likeness]) -> Judged:
    """Which of the candidates the lead belongs to: the one with the highest score, if that is ``account_at`` or more.

    ``lead.domain`` is ``None`` for free mail, so that two strangers at one mail provider never become one customer. Of two as likely,
    neither is taken, unless one has the lead's domain or they are of one family; then one that somebody owns goes first, then by name.
    """
    scored = [(*_score(likeness), at) for at, likeness in enumerate(candidates)]
    scored = [one for one in scored if one[0] >= matching.review_at]
    if not scored:
        return Judged(None, (_nothing_found(lead),))
    scored.sort(
        key=lambda one: (-one[0], candidates[one[2]].account.owner is None, candidates[one[2]].account.name or "")
    )
    score, parts, at = scored[0]
    best = candidates[at]
    rivals = [one for one in scored[1:] if one[0] > score - TIE]
    doubtful = best.domains != "same" and any(
        not best.family or candidates[other].family != best.family for _, _, other in rivals
    )
    said: dict[str, Param] = {"account": best.account.name, "score": score, "parts": list(parts)}
    if score >= matching.account_at and not doubtful:
        reasons = [Reason("matched_account", {**said, "owner": best.account.owner, "through": best.account.through})]
        if best.account.through is not None:
            reasons.append(Reason("in_family", {"parent": best.account.through, "owner": best.account.owner}))
        return Judged(best.account, tuple(reasons), at=at, score=score, parts=parts)
    return Judged(None, (_nothing_found(lead), Reason("near_account", said)), near=at, score=score, parts=parts)


def _nothing_found(lead: LeadFacts) -> Reason:
    return Reason("no_account", {"domain": lead.domain}) if lead.domain else Reason("no_domain")


def _score(likeness: Likeness) -> tuple[float, tuple[dict[str, Scalar], ...]]:
    """How sure it is that the lead is this account's, and what that was made of; each part's ``score`` is what it alone is worth."""
    parts: list[dict[str, Scalar]] = []
    if likeness.domains == "same":
        parts.append({"part": "domain", "like": 1.0, "score": DOMAIN})
    if likeness.name is not None and likeness.name >= UNLIKE:
        against = {"other": OTHER_DOMAIN, "other_ending": OTHER_ENDING}.get(likeness.domains or "", 1.0)
        parts.append(
            {"part": "name", "like": _rounded(likeness.name), "score": _rounded(NAME * likeness.name * against)}
        )
    if likeness.phone:
        unlike = likeness.name is not None and likeness.name < UNLIKE
        parts.append({"part": "phone", "like": 1.0, "score": _rounded(PHONE * (OTHER_NAME if unlike else 1.0))})
    return _together(parts), tuple(parts)


def _together(parts: Sequence[dict[str, Scalar]]) -> float:
    doubt = 1.0
    for part in parts:
        doubt *= 1 - float(part["score"] or 0)
    return _rounded(1 - doubt)


def _rounded(value: float) -> float:
    return round(value, 4)


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Somebody who came before, and how like they are to who comes now. ``mailbox``: the same address; ``own``: one that is a person's
    own, and not, like ``info@``, whoever's; ``phone``: the same number; ``name`` 0..1, ``None``: one of the two is not known; likewise
    ``company``, how like the names of their companies are. ``addresses``: that each has a mailbox of their own, and not the same; as
    ``colleagues`` at one company."""

    mailbox: bool = False
    own: bool = True
    phone: bool = False
    name: float | None = None
    company: float | None = None
    addresses: Addresses | None = None


def person_of(resemblance: Resemblance) -> tuple[float, tuple[dict[str, Scalar], ...]]:
    """How sure it is that they are one person (`SAME_PERSON` or more: they are), and what that was made of.

    A mailbox of one's own is enough. A number, and a mailbox that others have too, are it together with a like name, unless something
    speaks against it: of colleagues, and of people at one number in several companies, most have names somewhat alike. Both lean on the
    same name, so that they don't strengthen each other.
    """
    parts: list[dict[str, Scalar]] = []
    name = resemblance.name
    if resemblance.mailbox and resemblance.own:
        parts.append({"part": "email", "like": 1.0, "score": 1.0})
    elif resemblance.mailbox:
        parts.append({"part": "mailbox", "like": 1.0, "score": _with_name(resemblance)})
    if resemblance.phone:
        parts.append({"part": "phone", "like": 1.0, "score": _with_name(resemblance)})
    score = max((float(part["score"] or 0) for part in parts), default=0.0)
    if name is not None and parts:
        parts.append({"part": "name", "like": _rounded(name), "score": 0.0})
    return score, tuple(parts)


def _with_name(seen: Resemblance) -> float:
    """What a number or a mailbox that several may have is worth, with names this like."""
    elsewhere = seen.addresses == "colleagues" or (seen.company is not None and seen.company < UNLIKE)
    if seen.name is None:
        return 0.75
    if seen.name == 1:
        return 0.95
    if seen.name >= LIKE_NAME:
        # Mario and Maria, at one number: their addresses tell them apart, a slip of the pen has one address at most.
        return 0.75 if elsewhere else 0.85 if seen.addresses else 0.95
    if seen.name >= UNLIKE:
        return 0.5 if elsewhere else 0.75
    return 0.4
