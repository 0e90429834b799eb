"""The same lead converted by two at once, and the same opportunity ended by two at once: processes of their own, one PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dibs.crm.models import Account, Contact, Opportunity
from dibs.delivery.models import Outbox
from dibs.distribution import acting, claiming
from dibs.distribution.placing import place
from dibs.people.caller import Caller, caller_of
from dibs.people.models import User, Workspace
from dibs.people.tenancy import enter
from tests.concurrency.converters import work
from tests.concurrency.crowd import Crowd
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_team, make_user, make_workspace, publish

POLICY = """
policy: Customers are made when they are won over
matching: {make: conversion}
route: [{name: All, pull: {pool: inbound}}]
pools: {inbound: {}}
"""
PROCESSES = 4
LEADS = 24
NOW = MONDAY + timedelta(minutes=5)


@pytest.fixture(scope="module")
def crowd(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Crowd]:
    with django_db_blocker.unblock(), Crowd(PROCESSES, work) as crowd:
        yield crowd


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    workspace = make_workspace()
    publish(workspace, POLICY)
    return workspace


@pytest.fixture
def aiko(workspace: Workspace) -> Caller:
    return caller_of(make_rep(workspace, "aiko", teams=("closers",)).user)


@pytest.fixture
def boss(workspace: Workspace) -> User:
    boss = make_user(workspace, "manager")
    make_team(workspace, "closers", managers=(boss,))
    return boss


def leads_of(aiko: Caller) -> list[Any]:
    """Leads that Aiko has, of four companies that nobody knows yet."""
    arrivals = [make_arrival(company=f"New {n % 4}", domain=f"new{n % 4}.example") for n in range(LEADS)]
    leads = [placed.lead_id for placed in place(aiko.workspace_id, arrivals, now=MONDAY)]
    for lead in leads:
        assert isinstance(claiming.claim_lead(aiko, lead, MONDAY + timedelta(minutes=1)), claiming.Claimed)
    return leads


def test_a_lead_converted_by_all_at_once_is_one_opportunity_of_one_customer(
    crowd: Crowd, workspace: Workspace, aiko: Caller, boss: User
) -> None:
    leads = leads_of(aiko)
    assert not Account.objects.exists()
    who = [aiko.user_id, boss.id, aiko.user_id, boss.id]
    came = sum(
        crowd.all([("convert_all", (workspace.id, user, leads, n, NOW)) for n, user in enumerate(who)]), Counter[str]()
    )
    enter(workspace.id)
    assert came == {"converted": LEADS, "already_ended": (PROCESSES - 1) * LEADS}
    assert Opportunity.objects.count() == LEADS
    assert Account.objects.count() == 4
    assert Contact.objects.count() == LEADS
    assert Outbox.objects.filter(event="opportunity.created").count() == LEADS
    assert_true(workspace.id)


def test_an_opportunity_is_ended_by_who_came_first_and_the_others_look_again(
    crowd: Crowd, workspace: Workspace, aiko: Caller, boss: User
) -> None:
    for lead in leads_of(aiko):
        assert isinstance(acting.convert(aiko, lead, NOW), acting.Acted)
    enter(workspace.id)
    deals = list(Opportunity.objects.values_list("id", flat=True))
    who = [aiko.user_id, boss.id, aiko.user_id, boss.id]
    came = sum(
        crowd.all([("end_all", (workspace.id, user, deals, n, NOW)) for n, user in enumerate(who)]), Counter[str]()
    )
    enter(workspace.id)
    ended = Counter(Opportunity.objects.values_list("state", flat=True))
    assert came["win"] == ended["won"]
    assert came["lose"] == ended["lost"]
    assert (ended["open"], came["opportunity_outdated"]) == (0, (PROCESSES - 1) * LEADS)
    assert set(Opportunity.objects.values_list("version", flat=True)) == {1}
    assert_true(workspace.id)
