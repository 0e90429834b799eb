"""What processes do that send, claim and merge the same leads at the same moment. They start afresh: nothing is imported before."""

from __future__ import annotations

from typing import Any
from uuid import UUID


def work(job: tuple[str, UUID, Any]) -> Any:
    """What a process is told to do; it answers with what came of it."""
    from django.utils.timezone import now

    from dibs.people.caller import caller_of
    from dibs.people.models import User
    from dibs.people.tenancy import enter

    what, workspace, given = job
    if what == "send":
        from dibs.intake.receiving import receive

        return [(one.outcome, one.lead_id) for one in receive(workspace, given, now=now(), source="web")]
    enter(workspace)
    if what == "undo":
        from dibs.intake.undoing import undo

        return undo(workspace, given, now())
    user, one, other = given
    caller = caller_of(User.objects.get(id=user))
    if what == "claim":
        from dibs.distribution.claiming import claim_lead

        return type(claim_lead(caller, one, now())).__name__
    from dibs.distribution.merging import merge

    return type(merge(caller, one, other, now())).__name__
