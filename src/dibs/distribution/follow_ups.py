"""When a lead is to be looked at again. The moment is the lead's: whoever has it then is told, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from dibs.delivery import notices
from dibs.distribution.scene import Answer, Scene, act
from dibs.distribution.writing import Outcome
from dibs.engine.decision import Reason
from dibs.people.caller import Caller

#: What came due longer ago is told nobody any more: it stands on the list of what is due.
_STILL_TOLD = timedelta(days=2)

#: How many are told of at once.
_AT_ONCE = 1_000


def follow_up(caller: Caller, lead_id: UUID, at: datetime | None, now: datetime) -> Answer:
    """The lead is to be looked at again at this moment; ``None``: at none. Does not stop any clock that runs on it."""

    def decide(scene: Scene) -> Outcome | None:
        if scene.row["follow_up_at"] == at:
            return None
        why = Reason("follow_up_set", {"at": at.isoformat()}) if at is not None else Reason("follow_up_cleared")
        return Outcome(
            lead=scene.row,
            kind="scheduled",
            changes={"follow_up_at": at},
            reasons=(why,),
            rep=scene.held_by,
            actor=caller.actor,
        )

    return act(caller, lead_id, now, decide, kind="scheduled", claim=None)


#: Whom to tell of what: of leads that they have, and of what was planned for these. Told already, of this moment, is not told again.
_DUE = """
    SELECT rep.user_id, due.lead, due.kind, due.at FROM (
        SELECT lead.owner_id AS rep_id, lead.id AS lead, NULL AS kind, lead.follow_up_at AS at
        FROM crm_lead lead
        WHERE lead.workspace_id = %(workspace)s AND lead.follow_up_at > %(since)s AND lead.follow_up_at <= %(now)s
          AND lead.state IN ('owned', 'working')
        UNION ALL
        SELECT coalesce(lead.owner_id, activity.rep_id), lead.id, activity.kind, activity.due_at
        FROM crm_activity activity JOIN crm_lead lead ON lead.id = activity.lead_id
        WHERE activity.workspace_id = %(workspace)s AND activity.done_at IS NULL
          AND activity.due_at > %(since)s AND activity.due_at <= %(now)s AND lead.state IN ('owned', 'working', 'converted')
    ) due
    JOIN people_rep rep ON rep.id = due.rep_id AND rep.active
    WHERE NOT EXISTS (
        SELECT FROM delivery_notice told
        WHERE told.workspace_id = %(workspace)s AND told.user_id = rep.user_id AND told.kind = 'work_due' AND told.at >= due.at
          AND told.reasons @> jsonb_build_array(jsonb_build_object('params', jsonb_strip_nulls(jsonb_build_object(
              'lead', due.lead, 'kind', due.kind, 'at', to_char(due.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')))))
    )
    ORDER BY rep.user_id, due.at LIMIT %(most)s
"""


def tell_what_is_due(workspace_id: UUID, now: datetime) -> int:
    """Tell reps of the follow-ups and planned activities whose moment has come; returns of how many. One notice each for all of theirs."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Workers take turns: what one has told, the next one finds told.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"work_due {workspace_id}"])
        cursor.execute(_DUE, {"workspace": workspace_id, "since": now - _STILL_TOLD, "now": now, "most": _AT_ONCE})
        told: dict[UUID, list[Reason]] = {}
        rows = cursor.fetchall()
        for user, lead, kind, at in rows:
            moment = at.astimezone(UTC).isoformat(timespec="microseconds")
            params = {"lead": str(lead), "at": moment}
            why = Reason("activity_due", {**params, "kind": kind}) if kind else Reason("follow_up_due", params)
            told.setdefault(user, []).append(why)
        notices.tell_each(workspace_id, told.items(), "work_due", now)
    return len(rows)
