"""Several workers send mails at once while their readers unsubscribe, answer, and reps claim."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from dibs.crm.models import DoNotContact, Lead
from dibs.delivery import unsubscribing
from dibs.delivery.models import Mail
from dibs.distribution.models import Decision
from dibs.distribution.placing import place
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.concurrency.crowd import Crowd
from tests.concurrency.readers import take_part
from tests.concurrency.truths import assert_true
from tests.making import MONDAY, make_arrival, make_rep, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Mails, then a pool
qualify: {score: [{when: 'lead.opens >= 2', add: 60}]}
route:
  - {name: Warm, when: 'lead.score >= 40', pull: {pool: inbound}}
  - {name: Rest, nurture: true}
pools: {inbound: {mode: cherry_pick, lock: 15m}}
nurture:
  sequences: {course: {steps: [{after: 1d, mail: hello}, {after: 1d, mail: hello}]}}
  mails: {hello: {en: {subject: Hello, text: Hello}}}
"""
TOMORROW = MONDAY + timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes lay their mails down."""
    monkeypatch.setenv("DIBS_MAIL_FOLDER", str(tmp_path))
    monkeypatch.delenv("DIBS_SMTP_HOST", raising=False)
    return tmp_path


def laid_down(folder: Path) -> Counter[str]:
    """How often each mail was sent, by its name."""
    texts = [file.read_text() for file in folder.iterdir()]
    return Counter(re.findall(r"^Message-ID: (<\S+>)$", "\n".join(texts), re.MULTILINE))


def nurtured(count: int) -> tuple[UUID, list[UUID]]:
    workspace = make_workspace()
    publish(workspace, POLICY)
    enter(workspace.id)
    placed = place(workspace.id, [make_arrival(consent=True) for _ in range(count)], now=MONDAY)
    return workspace.id, [one.lead_id for one in placed]


def test_several_workers_decide_on_each_mail_once_and_send_it_once(folder: Path) -> None:
    workspace_id, leads = nurtured(120)
    with Crowd(4, take_part) as crowd:
        ticked = crowd.all([("tick", None, TOMORROW)] * 4)
        sent = crowd.all([("send", workspace_id, TOMORROW)] * 4)
    assert sum(ticked, Counter())["mailed"] == 120
    assert sum(sent, Counter())["sent"] == 120
    enter(workspace_id)
    assert Counter(Mail.objects.values_list("lead_id", flat=True)) == Counter(leads)
    assert laid_down(folder) == Counter(Mail.objects.values_list("message_id", flat=True))
    assert_true(workspace_id)


def test_who_unsubscribes_while_mails_go_out_gets_at_most_the_one_that_was_on_its_way(folder: Path) -> None:
    workspace_id, leads = nurtured(80)
    with Crowd(5, take_part) as crowd:
        crowd.all([("tick", None, TOMORROW)] + [("send", workspace_id, MONDAY)] * 4)
        enter(workspace_id)
        addresses = dict(Lead.objects.values_list("id", "email"))
        links = [unsubscribing.token(workspace_id, lead, str(addresses[lead])) for lead in leads]
        came = crowd.all(
            [("send", workspace_id, TOMORROW)] * 2
            + [("follow", links, TOMORROW), ("follow", links[::-1], TOMORROW), ("tick", None, TOMORROW)]
        )
        later = crowd.all([("tick", None, TOMORROW + timedelta(days=9))] + [("send", workspace_id, TOMORROW)] * 4)
    total = sum(came, Counter()) + sum(later, Counter())
    assert (total["listed"], total["told"], total["failed"]) == (80, 80, 0)
    assert total["sent"] + total["stopped"] == 80
    enter(workspace_id)
    assert DoNotContact.objects.count() == 80
    assert set(Lead.objects.values_list("state", "do_not_contact", "sequence")) == {("retired", True, None)}
    sent = Mail.objects.filter(state="sent").values_list("message_id", flat=True)
    assert laid_down(folder) == Counter(sent)
    assert not Mail.objects.filter(state="waiting").exists()
    assert_true(workspace_id)


def test_a_lead_that_is_claimed_while_mails_go_out_gets_no_more(folder: Path) -> None:
    workspace_id, leads = nurtured(60)
    enter(workspace_id)
    rep = make_rep(Workspace.objects.get(id=workspace_id), "aiko")
    with Crowd(5, take_part) as crowd:
        came = crowd.all(
            [
                ("tick", None, TOMORROW),
                ("tick", None, TOMORROW),
                ("open", (workspace_id, leads), TOMORROW),
                ("claim", (rep.user_id, leads * 3), TOMORROW),
                ("send", workspace_id, TOMORROW),
            ]
        )
        crowd.all(
            [
                ("claim", (rep.user_id, leads), TOMORROW),
                *[("send", workspace_id, TOMORROW)] * 2,
                *[("tick", None, TOMORROW)] * 2,
            ]
        )
        held = set(Lead.objects.values_list("state", "sequence", "mailed"))
        crowd.all([("tick", None, TOMORROW), *[("send", workspace_id, TOMORROW + timedelta(days=2))] * 4])
    assert held == {("owned", None, 0)}
    enter(workspace_id)
    mailed = Counter(Decision.objects.filter(kind="mailed").values_list("lead_id", flat=True))
    assert mailed == Counter(Mail.objects.values_list("lead_id", flat=True))
    assert max(mailed.values(), default=0) <= 1
    assert not Mail.objects.filter(state="waiting").exists()
    assert sum(laid_down(folder).values()) == Mail.objects.filter(state="sent").count()
    assert sum(came, Counter())["mailed"] == sum(mailed.values())
    assert_true(workspace_id)
