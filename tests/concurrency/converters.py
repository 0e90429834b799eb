"""What the processes of `test_converting_races` do."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID


def work(job: tuple[str, Any]) -> Counter[str]:
    """Do what is named; what came of it, by answer."""
    name, rest = job
    came: Counter[str] = globals()[name](*rest)
    return came


def convert_all(workspace_id: UUID, user_id: UUID, leads: list[UUID], seed: int, now: datetime) -> Counter[str]:
    """Convert these leads in a random order."""
    from dibs.distribution import acting
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    answers = (acting.convert(caller, lead, now) for lead in random.Random(seed).sample(leads, len(leads)))
    return Counter(
        "converted" if isinstance(answer, acting.Acted) else answer.refusal.code if answer else "unknown"
        for answer in answers
    )


def end_all(workspace_id: UUID, user_id: UUID, deals: list[UUID], seed: int, now: datetime) -> Counter[str]:
    """Win or lose these opportunities, as they were when they were new, in a random order."""
    from dibs.distribution import opportunities
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    chance = random.Random(seed)
    came: Counter[str] = Counter()
    for deal in chance.sample(deals, len(deals)):
        end = chance.choice((opportunities.win, opportunities.lose))
        answer = end(caller, deal, now, version=0)
        done = isinstance(answer, opportunities.Done)
        came[end.__name__ if done else answer.refusal.code if answer else "unknown"] += 1  # type: ignore[union-attr]
    return came
