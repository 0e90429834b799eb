"""Who is asking: a person in the browser, or whoever holds a token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from dibs.people.access import Action, may
from dibs.people.models import ApiToken, Role, User
from dibs.people.tenancy import enter

#: Who sees everything there is in the workspace; an integration's scopes are asked at the door.
SEE_ALL = frozenset({Role.OPS.value, Role.INTEGRATION.value})
#: Who runs the server, at its command line: nobody's account.
OPERATOR = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody of a workspace, as far as every decision about what they may see and do needs to know.

    ``rep_id`` and ``handle`` are set if the user is a rep that is active; ``teams`` are the slugs of the teams the rep is
    in, ``manages`` of those the user manages. ``scopes`` are the token's; empty for a person in the browser.
    """

    workspace_id: UUID
    user_id: UUID
    role: str
    rep_id: UUID | None = None
    handle: str | None = None
    scopes: frozenset[str] = frozenset()
    language: str = "en"
    timezone: str = "UTC"
    name: str = ""
    teams: frozenset[str] = frozenset()
    manages: frozenset[str] = frozenset()

    @property
    def actor(self) -> UUID | None:
        """Whom the log names: nobody where it is who runs the server."""
        return None if self.user_id == OPERATOR else self.user_id

    def may(self, action: Action) -> bool:
        """Whether the caller's role and scopes allow this kind of action."""
        return may(self.role, self.scopes, action)

    def oversees(self, teams: Collection[str] | None) -> bool:
        """Whether the caller sees what waits for these teams (``None``: for all) whole by role, whatever reps are shown: operations
        and integrations always do, who leads a team where theirs is among them."""
        if self.role == Role.MANAGER:
            return teams is None or not self.manages.isdisjoint(teams)
        return self.role in SEE_ALL


def operator(workspace_id: UUID, timezone: str = "UTC", name: str = "dibs", language: str = "en") -> Caller:
    """Who runs the server, as a caller who may do what operations may."""
    return Caller(workspace_id, OPERATOR, Role.OPS.value, name=name, language=language, timezone=timezone)


#: One statement says who somebody is, so that asking costs one round trip. Both speak of the user as ``u``.
CALLER_COLUMNS = """
    u.workspace_id, u.id, u.role, u.language, u.name, r.id, r.handle, r.timezone,
    array(SELECT team.slug::text FROM people_membership m JOIN people_team team ON team.id = m.team_id WHERE m.rep_id = r.id),
    array(SELECT team.slug::text FROM people_management m JOIN people_team team ON team.id = m.team_id WHERE m.user_id = u.id)
"""
CALLER_REP = "LEFT JOIN people_rep r ON r.user_id = u.id AND r.workspace_id = u.workspace_id AND r.active"


def caller_from(values: Sequence[Any], scopes: Sequence[str] = ()) -> Caller:
    """A caller from `CALLER_COLUMNS`."""
    workspace_id, user_id, role, language, name, rep_id, handle, timezone, teams, manages = values
    return Caller(
        workspace_id=workspace_id,
        user_id=user_id,
        role=role,
        rep_id=rep_id,
        handle=handle,
        scopes=frozenset(scopes),
        language=language,
        timezone=timezone or "UTC",
        name=name,
        teams=frozenset(teams),
        manages=frozenset(manages),
    )


def caller_of(user: User) -> Caller:
    """The person who is logged in. Enters the user's workspace. The user must be active, or `User.DoesNotExist` is raised."""
    enter(user.workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {CALLER_COLUMNS} FROM people_user u {CALLER_REP} WHERE u.id = %s AND u.is_active", [user.id]
        )
        row = cursor.fetchone()
    if row is None:
        raise User.DoesNotExist
    return caller_from(row)


def caller_with(token: str, now: datetime) -> Caller | None:
    """Whoever holds this token, or ``None`` if it is no token, or unknown, revoked, expired, or its user was switched off.

    Enters the workspace that the token names; a token that names another than its own finds nothing there.
    """
    workspace_id = ApiToken.workspace_in(token)
    if workspace_id is None:
        return None
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT t.scopes, {CALLER_COLUMNS}
            FROM people_apitoken t JOIN people_user u ON u.id = t.user_id {CALLER_REP}
            WHERE t.digest = %s AND t.workspace_id = %s AND u.workspace_id = %s AND u.is_active
              AND (t.expires_at IS NULL OR t.expires_at > %s)
            """,
            [ApiToken.digest_of(token), workspace_id, workspace_id, now],
        )
        row = cursor.fetchone()
    if row is None:
        enter(None)
        return None
    return caller_from(row[1:], row[0])
