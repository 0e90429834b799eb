"""The mails of a lead that is not ready for sales: in which sequence it is, which mail is next and when, and what keeps it from one.

A lead goes into a sequence where it is put into nurture, and out of it wherever else it goes. Nothing here sends anything: a mail is an
answer of `dibs.engine.timeline`, as an escalation is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from dibs.engine.conditions import Activation
from dibs.engine.decision import Due, InNurture, Reason
from dibs.engine.facts import LeadClock, LeadFacts
from dibs.engine.policy_nurture import MailStep, Nurture, Sequence
from dibs.engine.rulebook import Rulebook

#: Why a lead gets no mails: it must not be contacted, its person refused, or did not consent where that is asked for, there is no address,
#: or no sequence is for it.
NotMailed = Literal["do_not_contact", "refused", "no_consent", "no_address", "no_sequence"]


def why_not_mailed(nurture: Nurture, lead: LeadFacts) -> NotMailed | None:
    """What keeps mails from a lead by what is known of it now, if anything does."""
    if lead.do_not_contact:
        return "do_not_contact"
    if lead.consent is False:
        return "refused"
    if lead.consent is None and nurture.consent == "given":
        return "no_consent"
    if not may_be_an_address(lead.email):
        return "no_address"
    return None


def may_be_an_address(email: str | None) -> bool:
    """Whether mail can be sent there at all. What came in as no address is kept as it came (the lead's ``flags`` say so)."""
    if not email or len(email) > 254 or not email.isprintable() or any(mark in email for mark in ' ,;<>"\\'):
        return False
    box, _, host = email.rpartition("@")
    return bool(box) and "@" not in box and "." in host.strip(".") and not host.startswith("-")


def entered(
    book: Rulebook, lead: LeadFacts, activation: Activation, named: str | bool | None, rule: str | None
) -> tuple[InNurture, tuple[Reason, ...]]:
    """Into nurture: into the sequence that is ``named``, or with ``True`` the first whose condition holds; without mails where there is
    none, or the lead may not be mailed. The reasons say which."""
    reasons: tuple[Reason, ...] = (Reason("in_nurture", rule=rule),)
    nurture = book.policy.nurture
    if not nurture.sequences:
        return InNurture(), reasons
    name = named if isinstance(named, str) else book.sequence(activation)
    why = why_not_mailed(nurture, lead)
    if name is None or name not in nurture.sequences:
        why = why or "no_sequence"
    if why is not None:
        return InNurture(), (*reasons, Reason("not_mailed", {"because": why}))
    assert name is not None
    mails = len(nurture.sequences[name].steps)
    return InNurture(name), (
        *reasons,
        Reason("in_sequence", {"sequence": name, "mails": mails}, f"nurture.sequences.{name}"),
    )


def sequence_of(book: Rulebook, name: str | None) -> Sequence | None:
    """The sequence a lead is in, if the policy still has it."""
    return book.policy.nurture.sequences.get(name) if name is not None else None


def next_step(sequence: Sequence, mailed: int) -> MailStep | None:
    """The step after so many mails; ``None`` after the last."""
    return sequence.steps[mailed] if mailed < len(sequence.steps) else None


def due_for_mail(
    book: Rulebook, name: str | None, mailed: int, mailed_at: datetime | None, now: datetime
) -> Due | None:
    """When the next mail of a sequence is due, or after the last one what comes `then`; never before ``now``. ``mailed_at``: when the lead
    got the last mail, or came into the sequence. After the last mail the lead has as long to answer as it had for that one."""
    if name is None:
        return None
    sequence = sequence_of(book, name)
    if sequence is None:
        return Due(now, "mail")  # the policy has it no more: the lead finds another place
    step = next_step(sequence, mailed)
    if step is None and sequence.then is None:
        return None
    after = (step or sequence.steps[-1]).after
    return Due(max((mailed_at or now) + after, now), "mail")


def goes_on(clock: LeadClock, to: InNurture, now: datetime) -> tuple[int, datetime | None]:
    """How many mails the lead has behind it where it goes, and since when: in the same sequence still, as it had; in another, none."""
    if to.sequence is None:
        return 0, None
    if clock.state == "nurture" and clock.sequence == to.sequence:
        return clock.mailed, clock.mailed_at
    return 0, now
