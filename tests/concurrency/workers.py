"""What processes do that work the same leads at the same moment. They start afresh: nothing is imported before."""

from __future__ import annotations

from typing import Any


def work(job: Any) -> Any:
    """Tell reps what is due, or say that a plan was done; answers of how many was told, or whether it was done."""
    from dibs.distribution import activities
    from dibs.distribution.acting import Acted
    from dibs.distribution.follow_ups import tell_what_is_due
    from dibs.people.caller import caller_of
    from dibs.people.models import User
    from dibs.people.tenancy import enter

    what, workspace, *rest = job
    enter(workspace)
    if what == "tell":
        return tell_what_is_due(workspace, rest[0])
    user, activity, now = rest
    return isinstance(activities.finish_activity(caller_of(User.objects.get(id=user)), activity, now), Acted)
