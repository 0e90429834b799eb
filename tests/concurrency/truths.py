"""What must hold in the database whatever happened to it."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

#: Each returns the rows that break a truth.
TRUTHS = {
    "a held lead's owner is who the last decision about it says": """
        SELECT lead.id FROM crm_lead lead
        JOIN LATERAL (SELECT * FROM distribution_decision d WHERE d.lead_id = lead.id ORDER BY d.nth DESC LIMIT 1)
             last ON true
        WHERE lead.workspace_id = %s AND lead.state IN ('owned', 'working', 'offered')
          AND (last.rep_id IS DISTINCT FROM lead.owner_id OR last.after <> lead.state)
    """,
    "nobody claimed a lead that another held": """
        SELECT d.id FROM distribution_decision d
        JOIN LATERAL (SELECT * FROM distribution_decision e WHERE e.lead_id = d.lead_id AND e.nth < d.nth
                      ORDER BY e.nth DESC LIMIT 1) before ON true
        WHERE d.workspace_id = %s AND d.kind = 'claimed' AND before.after IN ('owned', 'working', 'offered')
    """,
    "every lead's story begins with its placing": """
        SELECT id FROM crm_lead lead WHERE workspace_id = %s
          AND NOT EXISTS (SELECT FROM distribution_decision d WHERE d.lead_id = lead.id AND d.kind = 'placed')
    """,
    "every decision has its event": """
        SELECT d.id FROM distribution_decision d WHERE d.workspace_id = %s
          AND (SELECT count(*) FROM delivery_outbox o WHERE o.lead = d.lead_id AND o.event = 'lead.' || d.kind)
           <> (SELECT count(*) FROM distribution_decision e WHERE e.lead_id = d.lead_id AND e.kind = d.kind)
    """,
    "a rep's standing holds what the rep holds": """
        SELECT rep.id FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
        WHERE rep.workspace_id = %s AND coalesce(standing.holding, 0) <>
            (SELECT count(*) FROM crm_lead lead WHERE lead.owner_id = rep.id AND lead.state IN ('owned', 'offered'))
    """,
    "a rep's open leads are those the rep has": """
        SELECT rep.id FROM people_rep rep LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
        WHERE rep.workspace_id = %s AND coalesce(standing.open_leads, 0) <>
            (SELECT count(*) FROM crm_lead lead
             WHERE lead.owner_id = rep.id AND lead.state IN ('owned', 'offered', 'working'))
    """,
    "a lead's version is how often it was decided on": """
        SELECT lead.id FROM crm_lead lead WHERE workspace_id = %s AND version <>
            (SELECT count(*) FROM distribution_decision d WHERE d.lead_id = lead.id)
    """,
    "a lead's decisions are numbered from 1 without a gap": """
        SELECT lead_id FROM distribution_decision WHERE workspace_id = %s GROUP BY lead_id
        HAVING min(nth) <> 1 OR max(nth) <> count(*) OR count(DISTINCT nth) <> count(*)
    """,
    "a waiting lead will be looked at again before its age cap": """
        SELECT id FROM crm_lead WHERE workspace_id = %s AND state = 'pooled'
          AND (due_at IS NULL OR due_at > waiting_since + interval '24 hours')
    """,
}


def assert_true(workspace_id: UUID) -> None:
    """Every truth holds in this workspace."""
    with connection.cursor() as cursor:
        for truth, counterexamples in TRUTHS.items():
            cursor.execute(counterexamples, [workspace_id])
            assert cursor.fetchall() == [], truth
