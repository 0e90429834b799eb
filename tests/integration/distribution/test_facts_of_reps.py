"""What a policy asks of a rep is known wherever it is asked: at a claim, at "next", in the pool's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dibs.crm.models import Lead
from dibs.distribution import acting, claiming
from dibs.distribution.placing import place
from dibs.insight.pools import pool_page
from dibs.insight.sight import lead_in_sight
from dibs.people.caller import Caller, caller_of
from tests.integration.distribution.scene import claimed, refused
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db

POLICY = """
policy: By what reps are
route:
  - {name: Everyone, pull: {pool: inbound}}
pools:
  inbound: {mode: MODE, lock: 15m}
tiers:
  - {name: those, when: 'WHEN', sees: full, only: 'ONLY'}
  - {name: others, sees: none}
"""


def waiting(**fields: Any) -> tuple[Caller, list[Any]]:
    """A rep of Japan who speaks Japanese, and two leads of which the rep may see the second."""
    policy = POLICY.replace("MODE", fields["mode"]).replace("WHEN", fields["when"]).replace("ONLY", fields["only"])
    workspace = make_workspace()
    publish(workspace, policy)
    aiko = make_rep(workspace, "aiko", country="JP", languages=["ja", "en"])
    arrivals = [make_arrival(language="es", country="ES"), make_arrival(language="ja", country="JP")]
    return caller_of(aiko.user), [placed.lead_id for placed in place(workspace.id, arrivals, now=MONDAY)]


@pytest.mark.parametrize("mode", ["pool", "queue", "cherry_pick"])
@pytest.mark.parametrize(
    ("when", "only"),
    [
        ("true", "lead.language in rep.languages"),
        ("true", "lead.country == rep.country"),
        ('rep.country == "JP"', "lead.country == rep.country"),
        ("rep.open_leads < 1", 'lead.language == "ja"'),
    ],
)
def test_a_tier_may_ask_who_the_rep_is(mode: str, when: str, only: str) -> None:
    aiko, (others, own) = waiting(mode=mode, when=when, only=only)
    page = pool_page(aiko, "inbound", now=MONDAY)
    assert page is not None
    assert [lead["id"] for lead in page.items] == [own]
    assert lead_in_sight(aiko, others, MONDAY) is None
    assert refused(claiming.claim_lead(aiko, others, MONDAY)) == "not_in_your_tier"
    taken = claiming.claim_next(aiko, "inbound", MONDAY)
    assert isinstance(taken, claiming.Claimed)
    assert taken.lead["id"] == own


def test_without_a_lock_the_first_contact_is_due_by_the_reps_own_hours() -> None:
    workspace = make_workspace()
    publish(
        workspace,
        """
        policy: No lock
        route: [{name: Everyone, pull: {pool: inbound}}]
        pools: {inbound: {lock: null}}
        sla: {first_contact: 1h, hours: business, then: {review: managers}}
        """,
    )
    morning = {str(day): [8 * 60, 10 * 60] for day in range(1, 6)}
    aiko = caller_of(make_rep(workspace, "aiko", hours=morning).user)
    (placed,) = place(workspace.id, [make_arrival()], now=MONDAY)
    evening = MONDAY + timedelta(hours=9)
    claimed(aiko, placed.lead_id, evening)
    assert Lead.objects.get(id=placed.lead_id).due_at == MONDAY + timedelta(days=1), "at 9 the next morning"
    assert isinstance(acting.contact(aiko, placed.lead_id, evening), acting.Acted)
