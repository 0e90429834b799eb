"""Answers to the policy's standard questions, as a person gives them: the lead is scored anew by them, and goes on if it is ready."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from dibs.distribution import telling
from dibs.distribution.families import accounts_by_id
from dibs.distribution.reading import lead_facts
from dibs.distribution.scene import Acted, Answer, Scene, act
from dibs.distribution.touching import Told, looked_at
from dibs.distribution.writing import Outcome
from dibs.engine.decision import Reason
from dibs.engine.policy_qualify import Question
from dibs.people.caller import Caller

__all__ = ["UnknownAnswer", "answer"]


class UnknownAnswer(ValueError):
    """The policy in force does not ask the ``question`` of such a lead, or does not know the answer ``given`` to it."""

    def __init__(self, question: str, given: str | None = None) -> None:
        super().__init__(question if given is None else f"{question}: {given}")
        self.question, self.given = question, given


def answer(caller: Caller, lead_id: UUID, answers: Mapping[str, str | None], now: datetime) -> Answer:
    """Write these answers down, by the question's name; ``None`` takes one back. In the same transaction the lead is scored anew, and goes
    where that makes it another's: one that marketing has to sales, if it is ready.

    For who has the lead, helps with it, or leads where it is. Raises `UnknownAnswer`; then nothing is written.
    """
    done: list[Outcome] = []

    def decide(scene: Scene) -> Outcome | None:
        row = scene.row
        _check(scene, answers)
        changed = sorted(name for name, given in answers.items() if row["answers"].get(name) != given)
        if not changed:
            return None
        held = {name: given for name, given in {**row["answers"], **answers}.items() if given is not None}
        told = Told({"answers": held}, because=(Reason("answered", {"by": caller.name, "questions": changed}),))
        account = accounts_by_id(caller.workspace_id, [row["account_id"]]).get(row["account_id"])
        passed = scene.clock.passed_over
        outcome, scene.turns_after = looked_at(
            scene.active, row, told, scene.known, account, passed, scene.known.roster, now
        )
        outcome.actor = caller.actor
        done.append(outcome)
        return outcome

    with transaction.atomic():
        answered = act(caller, lead_id, now, decide, kind="answered", claim=None)
        if isinstance(answered, Acted):
            telling.qualified(caller.workspace_id, done, now)
    return answered


def _check(scene: Scene, answers: Mapping[str, str | None]) -> None:
    questions: dict[str, Question] = {}
    if scene.active is not None:
        # By what is answered with it too: one answer may be what another question is asked for.
        held = {name: given for name, given in {**scene.row["answers"], **answers}.items() if given is not None}
        account = accounts_by_id(scene.caller.workspace_id, [scene.row["account_id"]]).get(scene.row["account_id"])
        questions = dict(scene.active.book.asked(lead_facts(scene.row | {"answers": held}), account, scene.now))
    for name, given in answers.items():
        known = questions.get(name)
        if known is None and (given is not None or name not in scene.row["answers"]):
            raise UnknownAnswer(name)
        if known is not None and given is not None and given not in known.answers:
            raise UnknownAnswer(name, given)
