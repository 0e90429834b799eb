"""Many waiting leads, made inside the database: for benchmarks of what happens to leads that are there already."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from dibs.people.tenancy import enter

_FILL = """
    INSERT INTO crm_lead (id, workspace_id, source, external_id, received_at, name, email, company, domain, industry, employees,
        country, city, attributes, flags, state, score, rank, pool, waiting_since, due_at, due_for, escalated, reassigned,
        policy_version, version, created_at, lookup)
    SELECT made.*, lower(E'\n' || concat_ws(E'\n', company, industry, country, '', city, source, '', '', '', '', chr(30),
        name, '', email, domain) || E'\n')
    FROM (SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, %s,
        (ARRAY['webinar', 'search_ad', 'referral', 'trade_fair', 'landing_page', 'email', 'social', 'pricing'])[1 + n * 7 %% 8],
        'fill-' || n, now() - n * interval '50 milliseconds', 'Person ' || n, 'person' || n || '@company' || n || '.example',
        'Company ' || n, 'company' || n || '.example',
        (ARRAY['Health', 'Retail', 'Finance', 'Logistics', 'Education', 'Energy', 'Food', 'Software', 'Media', 'Tourism'])
            [1 + n * 13 %% 10],
        (1 + n * 31 %% 5000)::bigint,
        (ARRAY['JP', 'MX', 'ES', 'ID', 'CO', 'CL', 'BR', 'US', 'DE', 'FR', 'IN', 'PE'])[1 + n * 17 %% 12],
        'City ' || n %% 400, '{}'::jsonb, '{}'::varchar[], 'pooled', (1 + (n::bigint * 7919) %% 100)::smallint,
        CASE WHEN (n::bigint * 7919) %% 100 >= 74 THEN 'hot' WHEN (n::bigint * 7919) %% 100 >= 39 THEN 'warm' ELSE 'cool' END,
        %s, now() - n * interval '50 milliseconds', %s::timestamptz, 'escalate', 0, 0, 1, 1, now()
        FROM generate_series(%s::int, %s::int) AS n) made (id, workspace_id, source, external_id, received_at, name, email, company,
        domain, industry, employees, country, city, attributes, flags, state, score, rank, pool, waiting_since, due_at, due_for,
        escalated, reassigned, policy_version, version, created_at)
"""


def fill_pool(workspace_id: UUID, pool: str, first: int, last: int, due_at: str) -> None:
    """Leads number ``first`` to ``last`` waiting in a pool, all due at ``due_at`` (ISO 8601)."""
    enter(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [workspace_id, pool, due_at, first, last])
        cursor.execute("ANALYZE crm_lead")
