"""Tells reps which of their rules change, and when: rules are announced, not sprung."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from dibs.delivery import notices
from dibs.engine.announcing import RuleChange, changes
from dibs.engine.decision import Reason
from dibs.engine.policy import Policy
from dibs.engine.territories import owner_of

#: What each user is told: one reason for each rule that changes for them.
Told = Mapping[UUID, tuple[Reason, ...]]


def told(workspace_id: UUID, before: Policy | None, after: Policy, at: datetime) -> Told:
    """What each active rep whose rules change is to know if ``after`` takes ``before``'s place ``at`` that moment.

    Nobody, where there was no policy before: with the first one nothing changes, it begins.
    """
    if before is None:
        return {}
    changed = changes(before, after)
    if not changed:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT rep.user_id, rep.handle::text, array_agg(team.slug::text) FILTER (WHERE team.id IS NOT NULL)
            FROM people_rep rep
            LEFT JOIN people_membership member ON member.rep_id = rep.id LEFT JOIN people_team team ON team.id = member.team_id
            WHERE rep.workspace_id = %s AND rep.active GROUP BY rep.id ORDER BY rep.id
            """,
            [workspace_id],
        )
        reps = [(user_id, handle, frozenset(teams or ())) for user_id, handle, teams in cursor.fetchall()]
    owners = _owning(before) | _owning(after)
    by_teams: dict[tuple[frozenset[str], str | None], tuple[Reason, ...]] = {}
    answer = {}
    for user_id, handle, teams in reps:
        alike = teams, handle if handle in owners else None
        if alike not in by_teams:
            by_teams[alike] = tuple(
                change.reason(at) for change in changed if concerns(change, before, after, teams, handle)
            )
        if by_teams[alike]:
            answer[user_id] = by_teams[alike]
    return answer


def _owning(policy: Policy) -> set[str]:
    """The reps who own a territory by name, or have caps of their own in a team: whom changes concern that not all of theirs share."""
    owners = (owner_of(policy.territories, name)[0] for name in policy.territories)
    return {owner.rep for owner in owners if owner is not None and owner.rep} | {
        rep for rules in policy.teams.values() for rep in rules.reps
    }


def concerns(change: RuleChange, before: Policy, after: Policy, teams: frozenset[str], handle: str | None) -> bool:
    """Whether a change is of a rule for this rep of these teams: that of a team only if it is theirs, of single reps' caps only if theirs
    are among them; that of a territory only if they own it, or a team of theirs does, and that of a pool only if they see the pool,
    before or after."""
    part, _, rest = change.rule.partition(".")
    if part == "territories":
        owners = [owner_of(policy.territories, rest)[0] for policy in (before, after)]
        return any(owner is not None and (owner.team in teams or owner.rep == handle) for owner in owners)
    if part == "teams" and rest.endswith(".reps"):
        rules = [policy.teams.get(rest.partition(".")[0]) for policy in (before, after)]
        own = [each.reps.get(handle or "") if each is not None else None for each in rules]
        return own[0] != own[1]
    if part == "teams":
        return rest.partition(".")[0] in teams
    if part != "pools":
        return True
    pool = rest.partition(".")[0]
    return any(
        rules is not None and (rules.teams is None or not teams.isdisjoint(rules.teams))
        for rules in (before.pools.get(pool), after.pools.get(pool))
    )


def tell(workspace_id: UUID, was_told: Told, is_told: Told, now: datetime, *, ahead: bool) -> int:
    """Give the notices that lead from what people had been told of to what they are to know now; returns how many.

    ``was_told``: an announcement that is taken back. ``ahead``: the new one is an announcement too; who had been told just this is
    told nothing.
    """
    if ahead:
        same = {user_id for user_id, reasons in is_told.items() if was_told.get(user_id) == reasons}
        was_told = {user_id: reasons for user_id, reasons in was_told.items() if user_id not in same}
        is_told = {user_id: reasons for user_id, reasons in is_told.items() if user_id not in same}
    kept = [
        (user_id, (Reason("announcement_cancelled", {"at": reasons[0].params["at"]}),))
        for user_id, reasons in was_told.items()
    ]
    return notices.tell_each(workspace_id, kept, "rules_kept", now) + notices.tell_each(
        workspace_id, is_told.items(), "rules_announced" if ahead else "rules_changed", now
    )
