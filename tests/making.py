"""Makes the people and leads a test needs, each call with sensible rest."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from dibs.crm.arrival import Arrival
from dibs.people.models import ApiToken, Management, Membership, Rep, Team, User, Workspace
from dibs.people.tenancy import enter

_count = itertools.count(1)

#: Monday morning, the moment most tests start at.
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def make_workspace(slug: str | None = None, **fields: Any) -> Workspace:
    """A workspace, and the connection put into it."""
    slug = slug or f"acme-{next(_count)}"
    workspace = Workspace.objects.create(slug=slug, name=slug.title(), **fields)
    enter(workspace.id)
    return workspace


def make_user(workspace: Workspace, role: str = "ops", **fields: Any) -> User:
    n = next(_count)
    given = {"email": f"{role}{n}@example.com", "name": f"{role.title()} {n}", "password": "open sesame 1"} | fields
    return User.objects.create_user(workspace=workspace, role=role, **given)


def make_team(workspace: Workspace, slug: str, managers: tuple[User, ...] = ()) -> Team:
    team, _ = Team.objects.get_or_create(workspace=workspace, slug=slug, defaults={"name": slug.title()})
    for manager in managers:
        Management.objects.get_or_create(workspace=workspace, team=team, user=manager)
    return team


def make_rep(workspace: Workspace, handle: str, teams: tuple[str, ...] = (), **fields: Any) -> Rep:
    user = make_user(workspace, "rep", name=handle.title(), email=f"{handle}.{next(_count)}@example.com")
    rep = Rep.objects.create(workspace=workspace, user=user, handle=handle, name=handle.title(), **fields)
    for slug in teams:
        Membership.objects.create(workspace=workspace, rep=rep, team=make_team(workspace, slug))
    return rep


def make_token(user: User, **fields: Any) -> str:
    return ApiToken.issue(user, **fields)


def make_arrival(**fields: Any) -> Arrival:
    n = next(_count)
    given: dict[str, Any] = {
        "source": "webform",
        "external_id": f"x{n}",
        "received_at": MONDAY,
        "name": f"Person {n}",
        "email": f"person{n}@company{n}.example",
        "company": f"Company {n}",
        "domain": f"company{n}.example",
        "country": "MX",
    }
    return Arrival(**(given | fields))


def publish(workspace: Workspace, text: str) -> Any:
    from dibs.distribution.policies import publish as publish_policy

    return publish_policy(workspace.id, text, by=None)


def at_noon(rep: Rep) -> None:
    """Put the rep where it is about noon now: what is due within hours is due on their day."""
    ahead = 12 - datetime.now(UTC).hour
    zone = f"Etc/GMT{'-' if ahead > 0 else '+'}{abs(ahead)}" if ahead else "UTC"
    Rep.objects.filter(id=rep.id).update(timezone=zone)
