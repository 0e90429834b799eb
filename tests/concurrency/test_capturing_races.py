"""Leads of one new customer from several senders, and imports taken back while somebody claims: processes of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from dibs.crm.models import Account, Contact, Lead
from dibs.distribution.models import Decision, Standing
from dibs.intake.importing import import_file
from dibs.intake.models import Import
from dibs.intake.undoing import ask_to_undo
from dibs.people.caller import caller_of
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.senders import work
from tests.making import make_rep, make_user, make_workspace, publish

POLICY = "policy: One pool\nroute: [{name: All, pull: {pool: inbound}}]\npools: {inbound: {}}\n"
SENDERS = 4


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(SENDERS, work) as crowd:
        yield crowd


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace(country="MX")
    for handle in ("aiko", "budi", "caro"):
        make_rep(workspace, handle, teams=("closers",))
    publish(workspace, POLICY)
    return workspace


def test_colleagues_who_come_at_once_make_one_account(crowd: Crowd, workspace: Workspace) -> None:
    for turn in range(10):
        rows = [
            {
                "source": "web",
                "external_id": f"{turn}-{n}",
                "email": f"p{n}@new{turn}.example",
                "company": f"New {turn}",
            }
            for n in range(SENDERS)
        ]
        crowd.all([("send", workspace.id, [row]) for row in rows])
        enter(workspace.id)
        account = Account.objects.get(domain=f"new{turn}.example")
        assert Lead.objects.filter(account=account).count() == SENDERS
        assert Contact.objects.filter(account=account).count() == SENDERS


def test_companies_without_a_domain_that_come_at_once_are_one_account_each(crowd: Crowd, workspace: Workspace) -> None:
    for turn in range(10):
        rows = [{"source": "web", "external_id": f"{turn}-{n}", "company": f"Toko {turn}"} for n in range(SENDERS)]
        crowd.all([("send", workspace.id, [row]) for row in rows])
        enter(workspace.id)
        account = Account.objects.get(name=f"Toko {turn}")
        assert Lead.objects.filter(account=account).count() == SENDERS


def test_batches_of_the_same_companies_in_any_order_make_each_once(crowd: Crowd, workspace: Workspace) -> None:
    companies = list(range(50))
    jobs = []
    for sender in range(SENDERS):
        order = companies[sender * 7 :] + companies[: sender * 7]
        rows = [
            {
                "source": "web",
                "external_id": f"{sender}-{n}",
                "email": f"s{sender}@many{n}.example",
                "company": f"Many {n}",
            }
            for n in order
        ]
        jobs.append(("send", workspace.id, rows))
    answers = [one for several in crowd.all(jobs) for one in several]
    assert Counter(outcome for outcome, _ in answers) == {"placed": 50 * SENDERS}
    enter(workspace.id)
    assert Account.objects.count() == 50
    assert Contact.objects.count() == 50 * SENDERS
    assert not Lead.objects.filter(account=None).exists()


def test_a_lead_is_claimed_or_gone_and_never_both(crowd: Crowd, workspace: Workspace, tmp_path: Path) -> None:
    ops = caller_of(make_user(workspace, "ops"))
    reps = list(User.objects.filter(workspace=workspace, role="rep").values_list("id", flat=True))
    ways: Counter[str] = Counter()
    for turn in range(12):
        path = tmp_path / f"{turn}.csv"
        path.write_text("id,name,email\n" + "".join(f"{turn}-{n},P{n},p{n}@t{turn}.example\n" for n in range(5)))
        enter(workspace.id)
        summary = import_file(workspace, path, "fair", clock=now)
        batch = UUID(str(summary.import_id))
        leads = list(Lead.objects.filter(batch=batch).order_by("id").values_list("id", flat=True))
        assert isinstance(ask_to_undo(ops, batch, now()), Import)
        claims = [("claim", workspace.id, (rep, leads[-1], None)) for rep in reps]
        removed, *claimed = crowd.all([("undo", workspace.id, batch), *claims])
        enter(workspace.id)
        state = Import.objects.values_list("state", flat=True).get(id=batch)
        if removed:
            assert (removed, state, claimed.count("Claimed")) == (5, "undone", 0)
            assert not Lead.objects.filter(id__in=leads).exists()
            assert not Decision.objects.filter(lead_id__in=leads).exists()
        else:
            assert (state, claimed.count("Claimed")) == ("done", 1)
            assert Lead.objects.filter(id__in=leads).count() == 5
        ways["gone" if removed else "claimed"] += 1
    held = Lead.objects.filter(owner__isnull=False).count()
    assert sum(Standing.objects.values_list("open_leads", flat=True)) == held
    assert sum(ways.values()) == 12
