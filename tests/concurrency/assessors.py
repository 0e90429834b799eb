"""What processes do in the tests of assessments that race."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID


def assess(job: tuple[str, UUID, UUID, UUID, dict[str, str], datetime]) -> str:
    """One process's part: finish the questionnaire ``call`` with these answers, keep them, claim the lead or tick; what came of it."""
    from dibs.distribution import acting, assessing, claiming
    from dibs.distribution.ticking import tick
    from dibs.people.caller import caller_of
    from dibs.people.models import User

    kind, workspace_id, user_id, lead_id, answers, now = job
    if kind == "tick":
        return f"moved {sum(tick(now).moved.values())}"
    caller = caller_of(User.objects.get(id=user_id, workspace_id=workspace_id))
    answer: Any
    if kind == "claim":
        answer = claiming.claim_lead(caller, lead_id, now)
    elif kind == "keep":
        answer = assessing.keep_draft(caller, lead_id, "call", answers, now)
    else:
        answer = assessing.finish(caller, lead_id, "call", answers, now)
    return answer.refusal.code if isinstance(answer, acting.Refused | claiming.Refused) else type(answer).__name__
