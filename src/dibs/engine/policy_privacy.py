"""The policy document: what is kept of people, and who must not be contacted."""

from __future__ import annotations

from dibs.engine.policy_terms import Duration, Part
from dibs.engine.policy_ways import Way


class Keep(Part):
    """How long what is known of people is kept. After that the person is erased from it; counts stay."""

    ended: Duration | None = None
    """Leads that were retired, or whose opportunity was lost, from then on."""
    open: Duration | None = None
    """Leads that nobody has and whose person was not heard of, from the last time on."""
    raw: Duration | None = None
    """What sources sent, as they sent it."""


class Privacy(Part):
    """What is kept of people, and who must not be contacted."""

    do_not_contact: Way = Way(retire="do_not_contact")
    """Where a new lead goes whose person is on the list of those who must not be contacted, before any rule is asked."""
    no_consent: Way | None = None
    """Where a new lead goes whose person refused consent; left out: as the route says, but it is never mailed."""
    keep: Keep = Keep()
    """How long what is known of people is kept; left out: for ever."""
