"""What no verdict of a questionnaire can know by itself: is there one for every score, and can it be reached?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from dibs.engine.assess import highest
from dibs.engine.policy_model import Policy
from dibs.engine.policy_text import Path

Found = tuple[str, str, Path, int | None, Literal["error", "warning"]]


def verdicts(policy: Policy) -> Iterator[Found]:
    """Everything found wrong with the questionnaires of a policy, save their conditions and the places they send leads to."""
    for name, assessment in policy.assessments.items():
        begins: dict[int, int] = {}
        for index, verdict in enumerate(assessment.verdicts):
            path: Path = ("assessments", name, "verdicts", index)
            if verdict.score in begins:
                message = f"two verdicts of {name} begin at {verdict.score}; give each a score of its own"
                yield "verdict_twice", message, path, None, "error"
            begins.setdefault(verdict.score, index)
        if 0 not in begins:
            message = (
                f"no verdict of {name} begins at 0, so the lowest scores would lead to nothing; leave score out of one"
            )
            yield "verdict_for_the_rest", message, ("assessments", name, "verdicts"), None, "error"
            continue
        most = highest(assessment)
        for score, index in begins.items():
            if score > most:
                message = f"this verdict can never be reached: the best answers of {name} make {most}"
                yield "verdict_unreachable", message, ("assessments", name, "verdicts", index, "score"), None, "warning"
