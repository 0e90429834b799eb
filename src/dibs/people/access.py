"""Who may do what: the one table of it. Every route, page and command that is not public asks here.

This answers for the kind of action alone. Which leads of it a caller may see is ``dibs.insight.sight``; whether a claim is
granted is the policy's, through ``dibs.engine.claim``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from dibs.people.models import Role


class Action(Enum):
    """What a caller may want. The value is what a refusal and the documentation call it."""

    SEE_SELF = "see_self"
    SET_SELF = "set_self"
    SEND_LEADS = "send_leads"
    SEE_LEADS = "see_leads"
    SEE_POOLS = "see_pools"
    TAKE_LEADS = "take_leads"
    WORK_LEADS = "work_leads"
    ASSIGN_LEADS = "assign_leads"
    SEE_REPS = "see_reps"
    SEE_FLOOR = "see_floor"
    SEE_FAIR_PLAY = "see_fair_play"
    SEE_POLICY = "see_policy"
    TRY_POLICY = "try_policy"
    PUBLISH_POLICY = "publish_policy"
    EDIT_REPS = "edit_reps"
    MOVE_LEADS = "move_leads"
    SEE_ACCOUNTS = "see_accounts"
    WRITE_ACCOUNTS = "write_accounts"
    DECIDE_MATCHES = "decide_matches"
    IMPORT_LEADS = "import_leads"
    SEE_DEALS = "see_deals"
    WORK_DEALS = "work_deals"
    SEE_REPORTS = "see_reports"
    SEE_SCORING = "see_scoring"
    TRAIN_SCORING = "train_scoring"
    ERASE_PEOPLE = "erase_people"


@dataclass(frozen=True, slots=True)
class Granted:
    """The roles that may, and the scope that a token must have where a token's scopes count."""

    roles: frozenset[str]
    scope: str


_PEOPLE = frozenset({Role.REP.value, Role.MANAGER.value, Role.OPS.value})
_LEADING = frozenset({Role.MANAGER.value, Role.OPS.value})
_INTEGRATION = frozenset({Role.INTEGRATION.value})

ACCESS = MappingProxyType(
    {
        Action.SEE_SELF: Granted(_PEOPLE | _INTEGRATION, "self"),
        # One's own switch, time off and calendar.
        Action.SET_SELF: Granted(_PEOPLE, "self:write"),
        # Who sends a lead under its source's id may change one that is here: not for managers, who see their own teams' only.
        Action.SEND_LEADS: Granted(frozenset({Role.OPS.value}) | _INTEGRATION, "leads:write"),
        Action.SEE_LEADS: Granted(_PEOPLE | _INTEGRATION, "leads:read"),
        Action.SEE_POOLS: Granted(_PEOPLE | _INTEGRATION, "pools:read"),
        # Taking a lead is for who will work it: whatever the role, the caller must be a rep as well.
        Action.TAKE_LEADS: Granted(_PEOPLE, "claim"),
        Action.WORK_LEADS: Granted(_PEOPLE, "leads:work"),
        Action.ASSIGN_LEADS: Granted(_LEADING, "leads:assign"),
        Action.SEE_REPS: Granted(_PEOPLE | _INTEGRATION, "reps:read"),
        Action.SEE_FLOOR: Granted(_LEADING, "floor:read"),
        # Fair play is for the whole team to see. A policy may limit it further, see `insight.fair_play.open_to`.
        Action.SEE_FAIR_PLAY: Granted(_PEOPLE | _INTEGRATION, "metrics:read"),
        Action.SEE_POLICY: Granted(_LEADING | _INTEGRATION, "policies:read"),
        # A dry run says where leads would go: managers try it on typed-in leads and those they lead, operations on all.
        Action.TRY_POLICY: Granted(_LEADING, "policies:try"),
        # Managers those of their own teams alone, which each route that asks looks to.
        Action.EDIT_REPS: Granted(_LEADING, "reps:write"),
        Action.MOVE_LEADS: Granted(_LEADING, "leads:move"),
        Action.SEE_ACCOUNTS: Granted(_LEADING | _INTEGRATION, "accounts:read"),
        Action.WRITE_ACCOUNTS: Granted(frozenset({Role.OPS.value}) | _INTEGRATION, "accounts:write"),
        Action.DECIDE_MATCHES: Granted(_LEADING, "matches:decide"),
        # Files, sources and campaigns, by the page or the API.
        Action.IMPORT_LEADS: Granted(frozenset({Role.OPS.value}), "imports:write"),
        # Reps their own, managers their teams', which each route that asks looks to.
        Action.SEE_DEALS: Granted(_PEOPLE | _INTEGRATION, "deals:read"),
        Action.WORK_DEALS: Granted(_PEOPLE, "deals:write"),
        Action.SEE_REPORTS: Granted(_LEADING | _INTEGRATION, "reports:read"),
        Action.SEE_SCORING: Granted(_LEADING | _INTEGRATION, "scores:read"),
        Action.TRAIN_SCORING: Granted(frozenset({Role.OPS.value}), "scores:write"),
        # To hand out all that is known of a person, erase it, and say who must not be contacted.
        Action.ERASE_PEOPLE: Granted(frozenset({Role.OPS.value}), "privacy:write"),
        Action.PUBLISH_POLICY: Granted(frozenset({Role.OPS.value}), "policies:write"),
    }
)

#: Every scope a token can have.
SCOPES: frozenset[str] = frozenset(granted.scope for granted in ACCESS.values())


def may(role: str, scopes: Collection[str], action: Action) -> bool:
    """Whether a caller with this role, through a token with these scopes, may do this kind of thing.

    A person's token without scopes may all that the person may; with scopes, only what they name. An integration may only
    what its token's scopes say, and never what the table does not give integrations. Everyone may ask who they are.
    """
    granted = ACCESS[action]
    if role not in granted.roles:
        return False
    if action is Action.SEE_SELF or (not scopes and role != Role.INTEGRATION):
        return True
    return granted.scope in scopes
