"""What processes do while somebody is erased: erase them, send them again, claim their lead. They start afresh."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID


def work(job: tuple[str, UUID, Any, float]) -> Any:
    """What a process is told to do, so many seconds after the others set out; it answers with what came of it."""
    from django.utils.timezone import now

    from dibs.people.caller import caller_of
    from dibs.people.models import User
    from dibs.people.tenancy import enter

    what, workspace, given, late = job
    time.sleep(late)
    if what == "send":
        from dibs.intake.receiving import receive

        return next((one.outcome, one.lead_id) for one in receive(workspace, given, now=now(), source="web"))
    enter(workspace)
    user, asked = given
    caller = caller_of(User.objects.get(id=user))
    if what == "claim":
        from dibs.distribution.claiming import claim_lead

        return type(claim_lead(caller, asked, now())).__name__
    from dibs.intake.erasing import erase
    from dibs.intake.persons import Asked

    done = erase(caller, Asked(email=asked), now(), listed=False)
    return done.leads if done else 0
