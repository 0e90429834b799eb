"""Somebody joins a workspace, or leaves it: the user, and for a rep the place among the reps with counters at zero."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.text import slugify

from dibs.distribution.models import Standing
from dibs.engine.lifecycle import HELD
from dibs.engine.policy_terms import is_name
from dibs.people.models import Management, Membership, Rep, Role, Team, User, Workspace
from dibs.people.tenancy import enter

#: The workspace of an installation that has been told of no other.
FIRST_WORKSPACE = "main"


class BadTeamName(Exception):
    """Nothing of this team's name is left that a policy could call it by: letters a..z, digits, hyphens and underscores."""


class Known(Exception):
    """Somebody with this e-mail address has joined already, here or in another workspace."""


def first_workspace() -> Workspace:
    """The workspace of a new installation, made if there is none at all; else the only one, or the one called ``main``.

    Raises `Workspace.MultipleObjectsReturned` if there are several and none is called that.
    """
    workspaces = list(Workspace.objects.order_by("slug")[:50])
    if not workspaces:
        return Workspace.objects.create(slug=FIRST_WORKSPACE, name="Main")
    if len(workspaces) == 1:
        return workspaces[0]
    for workspace in workspaces:
        if workspace.slug == FIRST_WORKSPACE:
            return workspace
    raise Workspace.MultipleObjectsReturned(", ".join(workspace.slug for workspace in workspaces))


def join(
    workspace: Workspace, email: str, name: str, role: str, *, password: str | None = None, teams: Sequence[str] = ()
) -> User:
    """Make a user, and for the role ``rep`` a rep with a handle of its own, in teams that are made where they don't exist.

    A manager manages the teams instead. Without a password the user can only call by token. Call it outside a transaction.
    Raises `Known` and `BadTeamName`.
    """
    enter(workspace.id)
    slugs = {slugify(team): team for team in teams}
    for slug, called in slugs.items():
        if not is_name(slug):
            raise BadTeamName(called)
    if User.objects.filter(email__iexact=email.strip()).exists():
        raise Known(email)
    with transaction.atomic():
        user = User.objects.create_user(email, password, workspace=workspace, name=name, role=role)
        rep = None
        if role == Role.REP:
            rep = Rep.objects.create(
                workspace=workspace,
                user=user,
                handle=_free_handle(workspace, email),
                name=name,
                country=workspace.country,
                timezone=workspace.timezone,
            )
            Standing.objects.create(workspace=workspace, rep=rep)
        for slug, called in slugs.items():
            team, _ = Team.objects.get_or_create(
                workspace=workspace, slug=slug, defaults={"name": called.replace("-", " ").title()}
            )
            if rep is not None:
                Membership.objects.create(workspace=workspace, rep=rep, team=team)
            else:
                Management.objects.create(workspace=workspace, user=user, team=team)
    return user


def leave(user: User) -> int:
    """Nobody calls or logs in as this user any more, and as a rep they get no leads. What they did stays theirs.

    Returns how many leads the rep holds still: claims and offers run out by themselves, the others are a manager's to give
    to somebody else. Call it outside a transaction.
    """
    enter(user.workspace_id)
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active"])
        user.tokens.all().delete()
        rep = Rep.objects.filter(user=user).first()
        if rep is None:
            return 0
        rep.active = False
        rep.save(update_fields=["active"])
        return rep.leads.filter(state__in=HELD).count()


def _free_handle(workspace: Workspace, email: str) -> str:
    """The name the policy will use: what stands before the @, numbered if somebody has it."""
    wanted = slugify(email.partition("@")[0].replace(".", "-"))[:40] or "rep"
    taken = set(Rep.objects.filter(workspace=workspace, handle__startswith=wanted).values_list("handle", flat=True))
    handle, n = wanted, 1
    while handle in taken:
        n += 1
        handle = f"{wanted}-{n}"
    return handle
