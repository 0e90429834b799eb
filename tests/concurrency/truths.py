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
    "a waiting lead will be looked at before it is over its age cap; one that is over it came back, or its cap changed, just then": """
        SELECT lead.id FROM crm_lead lead
        JOIN distribution_policyversion policy ON policy.workspace_id = lead.workspace_id AND policy.active
        WHERE lead.workspace_id = %s AND lead.state = 'pooled'
          AND (lead.due_at IS NULL OR lead.due_at > greatest(
                (SELECT lead.waiting_since + (rules->>'assign_after')::interval
                 FROM jsonb_array_elements(policy.document->'pools') rules WHERE rules->>'name' = lead.pool),
                policy.effective_from,
                (SELECT max(d.at) FROM distribution_decision d WHERE d.lead_id = lead.id)))
    """,
    "nobody is credited twice for the same, nor for what is not theirs to be credited for": """
        SELECT credit.id FROM distribution_credit credit WHERE credit.workspace_id = %s AND (
            (SELECT count(*) FROM distribution_credit twin WHERE twin.workspace_id = credit.workspace_id
                AND (twin.rep_id, twin.lead_id, twin.what) = (credit.rep_id, credit.lead_id, credit.what)) > 1
            OR NOT EXISTS (SELECT FROM distribution_decision d
                           WHERE d.lead_id = credit.lead_id AND d.rep_id = credit.rep_id AND d.at = credit.at
                             AND d.kind = CASE credit.what WHEN 'claim' THEN 'contacted' ELSE 'converted' END)
            OR (credit.what = 'claim'
                AND (SELECT d.kind FROM distribution_decision d WHERE d.lead_id = credit.lead_id AND d.at <= credit.at
                     AND d.kind NOT IN ('contacted', 'enriched', 'skipped', 'opened') AND d.nth < (
                         SELECT min(e.nth) FROM distribution_decision e WHERE e.lead_id = credit.lead_id
                         AND e.rep_id = credit.rep_id AND e.kind = 'contacted' AND e.at = credit.at)
                     ORDER BY d.nth DESC LIMIT 1) <> 'claimed'))
    """,
    "a missed claim floor is noted once a day at most under one policy, and remembered as looked at": """
        SELECT entry.rep_id FROM distribution_repentry entry
        JOIN people_rep rep ON rep.id = entry.rep_id LEFT JOIN distribution_standing standing ON standing.rep_id = rep.id
        WHERE entry.workspace_id = %s AND entry.kind = 'below_floor'
        GROUP BY entry.rep_id, entry.policy_version, (entry.at AT TIME ZONE rep.timezone)::date
        HAVING count(*) > 1
            OR coalesce(max(standing.floor_on), '0001-01-01') < max((entry.at AT TIME ZONE rep.timezone)::date) - 6
    """,
    "what a lead was worth is written down with each decision": """
        SELECT d.id FROM distribution_decision d JOIN crm_lead lead ON lead.id = d.lead_id
        WHERE d.workspace_id = %s AND (
            (d.score IS NULL AND lead.score IS NOT NULL)
            OR (d.nth = lead.version AND d.score IS DISTINCT FROM lead.score))
    """,
    "a lead has ended when it was converted or retired, and not before": """
        SELECT lead.id FROM crm_lead lead WHERE lead.workspace_id = %s
          AND (lead.ended_at IS NOT NULL) <> (lead.state IN ('converted', 'retired'))
    """,
    "what a rep may have claimed within the policy's rate is within it": """
        SELECT standing.rep_id FROM distribution_standing standing
        JOIN distribution_policyversion policy ON policy.workspace_id = standing.workspace_id AND policy.active
        WHERE standing.workspace_id = %s AND EXISTS (
            SELECT FROM distribution_decision last
            WHERE last.workspace_id = standing.workspace_id AND last.rep_id = standing.rep_id AND last.kind = 'claimed'
              AND last.policy_version = policy.number
              AND (SELECT count(*) FROM distribution_decision d
                   WHERE d.workspace_id = last.workspace_id AND d.rep_id = last.rep_id AND d.kind = 'claimed'
                     AND d.policy_version = policy.number AND d.at <= last.at
                     AND d.at > last.at - (policy.document->'fair_play'->'claim_rate'->>'per')::interval)
                  > (policy.document->'fair_play'->'claim_rate'->>'count')::int)
    """,
}


def assert_true(workspace_id: UUID) -> None:
    """Every truth holds in this workspace."""
    with connection.cursor() as cursor:
        for truth, counterexamples in TRUTHS.items():
            cursor.execute(counterexamples, [workspace_id])
            broken = cursor.fetchall()
            assert broken == [], f"{truth}: {broken[:10]}"
