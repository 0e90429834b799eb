"""What no mail and no sequence of a policy can know by itself: is there every mail that is named, can what is written be filled in?"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parseaddr
from typing import Literal

from dibs.engine.letters import wrong_places
from dibs.engine.nurture import may_be_an_address
from dibs.engine.policy_model import Policy
from dibs.engine.policy_reading import did_you_mean
from dibs.engine.policy_text import Path

Found = tuple[str, str, Path, int | None, Literal["error", "warning"]]


def mails(policy: Policy) -> Iterator[Found]:
    """Everything found wrong with the mails of a policy, save the conditions of its sequences."""
    yield from _letters(policy)
    yield from _sender(policy)
    yield from _sequences(policy)


def nurtures_in(policy: Policy) -> Iterator[tuple[Path, str | Literal[True]]]:
    """Every place that sends leads into mails: where it stands, and the sequence that it names, or ``True`` for the first that is for
    such leads."""
    for index, rule in enumerate(policy.route):
        if rule.nurture is not None:
            yield ("route", index, "nurture"), rule.nurture
    for path, way in policy.ways():
        if way.nurture is not None:
            yield (*path, "nurture"), way.nurture


def chosen_by_condition(policy: Policy) -> list[str]:
    """The sequences that leads come into by their conditions alone, in their order; none where no place sends leads so."""
    sent_to = [named for _, named in nurtures_in(policy)]
    return [name for name in policy.nurture.sequences if name not in sent_to] if True in sent_to else []


def _letters(policy: Policy) -> Iterator[Found]:
    used = {step.mail for sequence in policy.nurture.sequences.values() for step in sequence.steps}
    for name, letters in policy.nurture.mails.items():
        for language, letter in letters.items():
            path: Path = ("nurture", "mails", name, language)
            for message, at in wrong_places(letter.subject, subject=True):
                yield "unknown_place", message, (*path, "subject"), at, "error"
            if "\n" in letter.subject or "\r" in letter.subject:
                yield "subject_of_lines", "a subject is one line", (*path, "subject"), None, "error"
            for message, at in wrong_places(letter.text):
                yield "unknown_place", message, (*path, "text"), at, "error"
        if name not in used:
            yield "mail_unused", f"no sequence sends the mail {name}", ("nurture", "mails", name), None, "warning"
        elif policy.nurture.language not in letters:
            message = (
                f"there is no {name} in {policy.nurture.language}, which leads get whose own language it is not written in: "
                f"they get it in {'en' if 'en' in letters else min(letters)}"
            )
            yield "mail_not_in_language", message, ("nurture", "mails", name), None, "warning"


def _sender(policy: Policy) -> Iterator[Found]:
    sender = policy.nurture.sender
    if sender is None:
        return
    address = parseaddr(sender)[1]
    if not sender.isprintable() or not may_be_an_address(address) or sender.count("@") != address.count("@"):
        message = "a sender is written as sales@example.com, or Aiko of Acme <sales@example.com>"
        yield "bad_sender", message, ("nurture", "sender"), None, "error"


def _sequences(policy: Policy) -> Iterator[Found]:
    sequences, written = policy.nurture.sequences, policy.nurture.mails
    sent_to = list(nurtures_in(policy))
    for path, named in sent_to:
        if isinstance(named, str) and named not in sequences:
            hint = did_you_mean(named, sequences) or "; add it under nurture.sequences, or write nurture: true"
            yield "unknown_sequence", f"there is no sequence {named}{hint}", path, None, "error"
        if path[:2] == ("privacy", "do_not_contact") and sequences:
            message = "who must not be contacted gets no mails, whatever sequence it is"
            yield "mails_to_none", message, path, None, "warning"
    named_ones = {named for _, named in sent_to if isinstance(named, str)}
    for name, sequence in sequences.items():
        path = ("nurture", "sequences", name)
        for index, step in enumerate(sequence.steps):
            if step.mail not in written:
                hint = did_you_mean(step.mail, written) or "; add it under nurture.mails"
                yield (
                    "unknown_mail",
                    f"there is no mail {step.mail}{hint}",
                    (*path, "steps", index, "mail"),
                    None,
                    "error",
                )
        if name in _after(policy, name):
            message = f"after its last mail {name} sends leads round to itself; have them go elsewhere, or nowhere"
            yield "sequence_endless", message, (*path, "then"), None, "error"
        if not any(named is True for _, named in sent_to) and name not in named_ones:
            message = f"nothing sends leads into {name}; give a rule nurture: {name}"
            yield "sequence_unused", message, path, None, "warning"


def _after(policy: Policy, name: str) -> set[str]:
    """The sequences that leads come into from this one, by and by, without anything happening but that they get mails."""
    found: set[str] = set()
    left = [name]
    while left:
        sequence = policy.nurture.sequences.get(left.pop())
        on = sequence.then.nurture if sequence is not None and sequence.then is not None else None
        if isinstance(on, str) and on not in found:
            found.add(on)
            left.append(on)
    return found
