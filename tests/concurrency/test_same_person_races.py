"""One person, two senders, the same moment: processes of their own, on one PostgreSQL."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from dibs.crm.models import KnownBy, Lead, Merge, Touch
from dibs.distribution.models import Decision, Standing
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.senders import work
from tests.making import make_rep, make_user, make_workspace, publish

POLICY = """
policy: Together
route:
  - {name: Push, when: 'lead.source == "push"', push: {team: closers}}
  - {name: Rest, pull: {pool: inbound}}
pools: {inbound: {}}
"""
SENDERS = 4


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(SENDERS, work) as crowd:
        yield crowd


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace(country="MX")
    for handle in ("aiko", "budi"):
        make_rep(workspace, handle, teams=("closers",))
    publish(workspace, POLICY)
    return workspace


def test_one_person_sent_by_all_at_once_is_one_lead_and_the_rest_are_touches(
    crowd: Crowd, workspace: Workspace
) -> None:
    for turn in range(12):
        source = "push" if turn % 2 else "web"
        rows = [
            {"source": source, "external_id": f"{turn}-{n}", "email": f"aiko{turn}@acme.example", "name": "Aiko Tanaka"}
            for n in range(SENDERS)
        ]
        answers = [one for (one,) in crowd.all([("send", workspace.id, [row]) for row in rows])]
        assert Counter(outcome for outcome, _ in answers) == {"placed": 1, "touched": SENDERS - 1}
        assert len({lead for _, lead in answers}) == 1
        enter(workspace.id)
        lead = Lead.objects.get(email=f"aiko{turn}@acme.example")
        assert (lead.touches, Touch.objects.filter(lead=lead).count()) == (SENDERS, SENDERS - 1)
        assert KnownBy.objects.filter(lead_id=lead.id).count() == 1


def test_batches_with_the_same_people_in_any_order_end_and_lose_nobody(crowd: Crowd, workspace: Workspace) -> None:
    people = [{"email": f"p{n}@acme.example", "name": f"Person {n}"} for n in range(60)]
    jobs = []
    for sender in range(SENDERS):
        rows = [{**person, "source": "push" if n % 3 else "web"} for n, person in enumerate(people)]
        random.Random(sender).shuffle(rows)
        jobs.append(("send", workspace.id, [{**row, "external_id": f"{sender}-{n}"} for n, row in enumerate(rows)]))
    answers = [one for several in crowd.all(jobs) for one in several]
    assert Counter(outcome for outcome, _ in answers) == {"placed": 60, "touched": 60 * (SENDERS - 1)}
    enter(workspace.id)
    assert Lead.objects.count() == 60
    assert set(Lead.objects.values_list("touches", flat=True)) == {SENDERS}
    held = Lead.objects.filter(owner__isnull=False).count()
    assert sum(Standing.objects.values_list("open_leads", flat=True)) == held


def test_a_duplicate_merged_while_it_is_claimed_is_one_or_the_other_and_counted_once(
    crowd: Crowd, workspace: Workspace
) -> None:
    ops = make_user(workspace, "ops")
    seen: Counter[str] = Counter()
    for turn in range(16):
        enter(workspace.id)
        rep = make_rep(workspace, f"rep{turn}", teams=("closers",))
        one, other = _pair(workspace, turn)
        answers = crowd.all(
            [
                ("merge", workspace.id, (ops.id, one, other)),
                ("claim", workspace.id, (rep.user_id, other, None)),
                ("merge", workspace.id, (ops.id, other, one)),
                ("claim", workspace.id, (rep.user_id, one, None)),
            ]
        )
        seen.update(answers)
        enter(workspace.id)
        assert Counter(answers)["Merged"] == 1, answers
        merge = Merge.objects.get(kept__in=[one, other])
        kept, gone = Lead.objects.get(id=merge.kept_id), Lead.objects.get(id=merge.gone_id)
        assert (gone.state, gone.owner_id, gone.merged_into_id) == ("merged", None, kept.id)
        assert kept.state in {"pooled", "owned"}
        standing = Standing.objects.filter(rep=rep).first()
        assert (standing.open_leads if standing else 0) == (1 if kept.owner_id == rep.id else 0)
        for lead in (kept, gone):
            assert list(Decision.objects.filter(lead=lead).order_by("nth").values_list("nth", flat=True)) == list(
                range(1, lead.version + 1)
            )
    assert seen["Claimed"] > 0


def _pair(workspace: Workspace, turn: int) -> tuple[UUID, UUID]:
    from dibs.intake.receiving import receive

    at = datetime.now(UTC)
    rows = [{"external_id": f"{turn}-{n}", "email": f"x{turn}.{n}@acme{n}.example"} for n in range(2)]
    one, other = receive(workspace.id, rows, now=at, source="web")
    assert one.lead_id is not None
    assert other.lead_id is not None
    return one.lead_id, other.lead_id
