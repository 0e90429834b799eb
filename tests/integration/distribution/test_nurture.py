"""Leads in nurture: the mails they get, who sends them, and what ends them."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail as outgoing
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from dibs.crm import do_not_contact
from dibs.crm.arrival import Enrichment, Touching
from dibs.crm.do_not_contact import entries_of
from dibs.crm.models import DoNotContact, Lead
from dibs.delivery import mailing, unsubscribing
from dibs.delivery.models import Mail, Notice
from dibs.distribution import acting, nurturing, refusing, sooner
from dibs.distribution.models import Decision
from dibs.distribution.placing import enrich, place
from dibs.distribution.ticking import tick
from dibs.engine.policy import read as policy_of
from dibs.people.models import Workspace
from dibs.people.tenancy import enter
from tests.integration.distribution.scene import Scene
from tests.making import MONDAY, make_arrival, make_workspace, publish

pytestmark = pytest.mark.django_db(transaction=True)

POLICY = """
policy: Nurture
qualify:
  score: [{when: 'lead.opens >= 2', add: 60}, {when: 'lead.source == "demo"', add: 80}]
  rank: {hot: 75, warm: 40}
route:
  - {name: Hot, when: 'lead.score >= 75', push: {team: closers}}
  - {name: Warm, when: 'lead.score >= 40', pull: {pool: inbound}}
  - {name: Rest, nurture: true}
pools: {inbound: {mode: cherry_pick}}
nurture:
  sender: Budi of Dibs <budi@dibs.example>
  sequences:
    course:
      steps: [{after: 1d, mail: hello}, {after: 3d, mail: more}]
      then: {retire: no_answer}
  mails:
    hello:
      en: {subject: 'For {company}', text: 'Hello {first_name|there},'}
      ja: {subject: '{company}様へ', text: '{name}様'}
    more:
      en: {subject: More, text: 'More. {unsubscribe}'}
"""


def days(count: float) -> datetime:
    return MONDAY + timedelta(days=count)


@pytest.fixture
def nurturing_scene(scene: Scene) -> Scene:
    publish(scene.workspace, POLICY)
    return scene


def arrives(scene: Scene, **fields: Any) -> Lead:
    placed = place(scene.workspace.id, [make_arrival(**({"consent": True} | fields))], now=MONDAY)[0]
    return scene.lead(placed.lead_id)


def mails(scene: Scene) -> list[Mail]:
    enter(scene.workspace.id)
    return list(Mail.objects.order_by("at", "step"))


def send(scene: Scene, now: datetime) -> mailing.Done:
    enter(scene.workspace.id)
    return nurturing.send(scene.workspace.id, lambda: now)


def test_a_lead_gets_its_mails_in_its_language_one_after_another(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    lead = arrives(scene, name="Aiko Tanaka", company="Kumo KK", language="ja", email="aiko@kumo.example")
    assert (lead.state, lead.sequence, lead.due_for) == ("nurture", "course", "mail")
    assert tick(days(0.9)).moved["mailed"] == 0
    assert tick(days(1)).moved["mailed"] == 1
    assert send(scene, days(1)).sent == 1
    (first,) = outgoing.outbox
    assert first.to == ["aiko@kumo.example"]
    assert first.from_email == "Budi of Dibs <budi@dibs.example>"
    assert first.subject == "Kumo KK様へ"
    assert first.body.startswith("Aiko Tanaka様\n\n--\n今後")
    tick(days(4))
    send(scene, days(4))
    assert [sent.subject for sent in outgoing.outbox] == ["Kumo KK様へ", "More"]
    kept = mails(scene)
    assert [(one.step, one.mail, one.language, one.state, one.began_at) for one in kept] == [
        (1, "hello", "ja", "sent", MONDAY),
        (2, "more", "en", "sent", MONDAY),
    ]
    tick(days(7))
    ended = scene.lead(lead.id)
    assert (ended.state, ended.retired_why) == ("retired", "no_answer")
    assert [kind for kind, _, _ in scene.story(lead.id)] == ["placed", "mailed", "mailed", "requalified"]


def test_a_mail_says_how_to_unsubscribe_to_its_reader_and_to_their_mail_program(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene)
    tick(days(1))
    send(nurturing_scene, days(1))
    message = outgoing.outbox[0].message()
    link = unsubscribing.address(nurturing_scene.workspace.id, lead.id, str(lead.email))
    assert message["List-Unsubscribe"] == f"<{link}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == mails(nurturing_scene)[0].message_id
    assert message["Date"]
    assert link in message.get_payload(decode=True).decode()


def test_no_lead_puts_a_header_into_a_mail(nurturing_scene: Scene) -> None:
    arrives(nurturing_scene, company="Evil\r\nBcc: all@example.com", name="Eve\nX-Evil: yes")
    tick(days(1))
    send(nurturing_scene, days(1))
    message = outgoing.outbox[0].message()
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert outgoing.outbox[0].recipients() == outgoing.outbox[0].to


def test_who_did_not_consent_gets_none(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene, consent=None)
    assert (lead.state, lead.sequence, lead.due_at) == ("nurture", None, None)
    enrich(nurturing_scene.workspace.id, [Enrichment(lead.id, {"consent": True})], now=days(2))
    assert nurturing_scene.lead(lead.id).sequence == "course"


def test_engagement_that_moves_the_score_brings_a_lead_back_to_the_pool(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    lead = arrives(scene)
    tick(days(1))
    seen = Touching(days(1.5), "open", "mailer", count=2)
    enrich(scene.workspace.id, [Enrichment(lead.id, {}, seen)], now=days(1.5))
    back = scene.lead(lead.id)
    assert (back.state, back.pool, back.sequence, back.rank) == ("pooled", "inbound", None, "warm")
    assert send(scene, days(2)).stopped == 1
    assert outgoing.outbox == []
    assert mails(scene)[0].error == mailing.LEFT


def test_an_answer_ends_the_mails_and_puts_the_lead_before_managers(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    lead = arrives(scene)
    tick(days(1))
    enrich(scene.workspace.id, [Enrichment(lead.id, {}, Touching(days(2), "mail", "mailbox"))], now=days(2))
    there = scene.lead(lead.id)
    assert (there.state, there.review, there.sequence) == ("review", "managers", None)
    enter(scene.workspace.id)
    codes = [reason["code"] for reason in Decision.objects.filter(lead=lead.id).latest("nth").reasons]
    assert "answered_mails" in codes


def test_a_visit_is_no_answer(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene)
    tick(days(1))
    seen = Touching(days(2), "page", "site")
    enrich(nurturing_scene.workspace.id, [Enrichment(lead.id, {}, seen)], now=days(2))
    there = nurturing_scene.lead(lead.id)
    assert (there.state, there.sequence, there.mailed, there.due_at) == ("nurture", "course", 1, days(4))


def test_a_lead_that_a_manager_gives_away_gets_no_more(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    lead = arrives(scene)
    tick(days(1))
    acting.assign(scene.manager, lead.id, "aiko", days(1))
    held = scene.lead(lead.id)
    assert (held.state, held.sequence, held.mailed) == ("owned", None, 0)
    assert send(scene, days(1)).stopped == 1


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("consent", False, "refused"),
        ("consent", None, "no_consent"),
        ("email", "other@acme.example", "address"),
        ("do_not_contact", True, "do_not_contact"),
    ],
)
def test_what_became_known_since_stops_a_mail_that_waits(
    nurturing_scene: Scene, column: str, value: Any, why: str
) -> None:
    lead = arrives(nurturing_scene)
    tick(days(1))
    enter(nurturing_scene.workspace.id)
    Lead.objects.filter(id=lead.id).update(**{column: value})
    assert send(nurturing_scene, days(1)) == mailing.Done(stopped=1)
    assert mails(nurturing_scene)[0].error == why
    assert outgoing.outbox == []


def test_the_list_counts_even_before_the_lead_was_told(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene)
    tick(days(1))
    enter(nurturing_scene.workspace.id)
    do_not_contact.add(nurturing_scene.workspace.id, entries_of(lead.email, None), why="list", now=days(1))
    assert send(nurturing_scene, days(1)).stopped == 1


class Server(BaseEmailBackend):
    """A mail server that fails as it is told to, and keeps what it took."""

    fails: list[Exception] = []
    took: list[EmailMessage] = []

    def send_messages(self, messages: Any) -> int:
        if Server.fails:
            raise Server.fails.pop(0)
        Server.took += messages
        return len(messages)


@pytest.fixture
def server(settings: Any) -> type[Server]:
    settings.EMAIL_BACKEND = f"{Server.__module__}.{Server.__name__}"
    Server.fails, Server.took = [], []
    return Server


def test_a_mail_that_the_server_does_not_take_now_is_tried_again_later_and_later(
    nurturing_scene: Scene, server: type[Server]
) -> None:
    arrives(nurturing_scene)
    tick(days(1))
    now, waits = days(1), []
    server.fails = [ConnectionRefusedError("no")] * 3
    for _ in range(3):
        assert send(nurturing_scene, now).put_off == 1
        assert send(nurturing_scene, now).counts == (0, 0, 0, 0)
        mail = mails(nurturing_scene)[0]
        assert mail.send_at is not None
        waits.append(mail.send_at - now)
        now = mail.send_at
    assert waits == list(mailing.AGAIN_AFTER[:3])
    assert send(nurturing_scene, now).sent == 1
    assert len({message.extra_headers["Message-ID"] for message in server.took}) == 1


def test_a_mail_that_never_gets_through_fails_and_can_be_tried_again(
    nurturing_scene: Scene, server: type[Server]
) -> None:
    arrives(nurturing_scene)
    tick(days(1))
    server.fails = [TimeoutError("slow")] * 20
    now, tried = days(1), 0
    while (mail := mails(nurturing_scene)[0]).state == "waiting":
        assert mail.send_at is not None
        now, tried = mail.send_at, tried + 1
        send(nurturing_scene, now)
    assert (mail.state, tried, mail.error) == ("failed", len(mailing.AGAIN_AFTER) + 1, "TimeoutError: slow")
    server.fails = []
    assert mailing.try_again(nurturing_scene.workspace.id, now) == 1
    assert send(nurturing_scene, now).sent == 1


@pytest.mark.parametrize(
    ("problem", "final"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"unknown")}), True),
        (smtplib.SMTPRecipientsRefused({"a@b.example": (450, b"later")}), False),
        (smtplib.SMTPDataError(554, b"no"), True),
        (smtplib.SMTPDataError(451, b"later"), False),
        (smtplib.SMTPAuthenticationError(535, b"who"), False),
        (smtplib.SMTPServerDisconnected("gone"), False),
    ],
)
def test_what_a_server_refuses_for_good_is_not_tried_again(
    nurturing_scene: Scene, server: type[Server], problem: Exception, final: bool
) -> None:
    arrives(nurturing_scene)
    tick(days(1))
    server.fails = [problem]
    done = send(nurturing_scene, days(1))
    assert (done.failed, done.put_off) == ((1, 0) if final else (0, 1))


def test_a_mail_that_fails_keeps_no_other_waiting(nurturing_scene: Scene, server: type[Server]) -> None:
    for _ in range(3):
        arrives(nurturing_scene)
    tick(days(1))
    server.fails = [TimeoutError("slow")]
    assert send(nurturing_scene, days(1)) == mailing.Done(sent=2, put_off=1)


def test_a_worker_that_dies_leaves_the_mail_to_be_sent_under_the_same_name(nurturing_scene: Scene) -> None:
    arrives(nurturing_scene)
    tick(days(1))
    enter(nurturing_scene.workspace.id)
    from dibs.distribution import policies

    active = policies.active(nurturing_scene.workspace.id)
    assert active is not None
    taken = mailing._take(nurturing_scene.workspace.id, active.book.policy.nurture, days(1))
    assert taken is not None
    assert send(nurturing_scene, days(1)).sent == 0
    assert send(nurturing_scene, days(1) + mailing.TAKEN_FOR).sent == 1
    assert outgoing.outbox[0].extra_headers["Message-ID"] == taken[0].message_id


def test_a_policy_with_shorter_delays_counts_for_leads_that_are_in_the_middle(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene)
    tick(days(1))
    publish(nurturing_scene.workspace, POLICY.replace("after: 3d, mail: more", "after: 2d, mail: more"))
    sooner.bring_forward(
        nurturing_scene.workspace.id, policy_of(POLICY), policy_of(POLICY.replace("3d", "2d")), days(1.5)
    )
    tick(days(1.5))
    assert nurturing_scene.lead(lead.id).due_at == days(3)
    assert tick(days(3)).moved["mailed"] == 1


# -- who must not be contacted ----------------------------------------------------------------------------------------


def refuse(scene: Scene, *entries: do_not_contact.Entry, now: datetime = MONDAY) -> refusing.Listed:
    return refusing.refuse(scene.workspace.id, entries, why="asked", now=now)


def test_a_new_lead_of_somebody_on_the_list_goes_to_nobody(nurturing_scene: Scene) -> None:
    refuse(nurturing_scene, *entries_of("Ana.Lopez+news@gmail.com", None))
    lead = arrives(nurturing_scene, source="demo", email="analopez@googlemail.com")
    assert (lead.state, lead.retired_why, lead.do_not_contact) == ("retired", "do_not_contact", True)


def test_by_telephone_too(nurturing_scene: Scene) -> None:
    refuse(nurturing_scene, *entries_of(None, "+528112345678"))
    assert arrives(nurturing_scene, source="demo", phone="+528112345678").state == "retired"


def test_waiting_leads_of_theirs_go_where_the_policy_says_and_held_ones_stay_with_their_rep(
    nurturing_scene: Scene,
) -> None:
    scene = nurturing_scene
    waits = arrives(scene, email="one@acme.example")
    held = arrives(scene, email="two@acme.example", source="demo")
    assert held.owner is not None
    done = refuse(scene, *entries_of("one@acme.example", None), *entries_of("two@acme.example", None), now=days(1))
    assert done == refusing.Listed(entries=2, leads=2)
    gone, still = scene.lead(waits.id), scene.lead(held.id)
    assert (gone.state, gone.retired_why) == ("retired", "do_not_contact")
    assert (still.state, still.do_not_contact, still.owner_id) == ("owned", True, held.owner_id)
    enter(scene.workspace.id)
    notice = Notice.objects.get(user_id=held.owner.user_id, kind="lead_touched")
    assert notice.reasons[0]["code"] == "lead_refused"
    assert refuse(scene, *entries_of("one@acme.example", None), now=days(2)) == refusing.Listed()


def test_leads_are_found_where_the_policy_takes_no_two_for_one_person(nurturing_scene: Scene) -> None:
    publish(nurturing_scene.workspace, POLICY + "matching: {same_person: false}\n")
    first, second = (arrives(nurturing_scene, email=f"a.na+{n}@gmail.com") for n in (1, 2))
    other = arrives(nurturing_scene, email="ana@acme.example")
    assert refuse(nurturing_scene, *entries_of("ana@gmail.com", None)).leads == 2
    states = [nurturing_scene.lead(lead.id).state for lead in (first, second, other)]
    assert states == ["retired", "retired", "nurture"]


def test_a_lead_whose_address_becomes_known_is_looked_up(nurturing_scene: Scene) -> None:
    refuse(nurturing_scene, *entries_of("ana@acme.example", None))
    lead = arrives(nurturing_scene, email=None)
    enrich(nurturing_scene.workspace.id, [Enrichment(lead.id, {"email": "ana@acme.example"})], now=days(1))
    assert nurturing_scene.lead(lead.id).state == "retired"


def test_who_is_taken_off_the_list_may_be_contacted_again(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    held = arrives(scene, email="two@acme.example", phone="+528112345678", source="demo")
    mail, phone = entries_of("two@acme.example", "+528112345678")
    refuse(scene, mail, phone)
    assert refusing.allow(scene.workspace.id, [mail], now=days(1)) == refusing.Listed(entries=1, leads=0)
    assert scene.lead(held.id).do_not_contact is True
    assert refusing.allow(scene.workspace.id, [phone], now=days(1)) == refusing.Listed(entries=1, leads=1)
    assert scene.lead(held.id).do_not_contact is None


def test_a_rep_who_is_told_so_puts_the_person_on_the_list(nurturing_scene: Scene) -> None:
    scene = nurturing_scene
    lead = arrives(scene, email="two@acme.example", source="demo")
    caller = scene.aiko if lead.owner_id == scene.aiko.rep_id else scene.budi
    answer = acting.retire(caller, lead.id, days(1), why="do_not_contact")
    assert isinstance(answer, acting.Acted)
    enter(scene.workspace.id)
    entry = DoNotContact.objects.get()
    assert (entry.what, entry.shown, entry.why, entry.by_id) == ("mail", "t***@acme.example", "asked", caller.user_id)
    assert b"acme" not in bytes(entry.digest)
    assert scene.lead(lead.id).do_not_contact is True
    assert arrives(scene, email="TWO@acme.example", source="demo").state == "retired"


def test_one_workspace_says_nothing_to_another(nurturing_scene: Scene) -> None:
    (entry,) = entries_of("ana@acme.example", None)
    refuse(nurturing_scene, entry)
    other = make_workspace()
    assert do_not_contact.digest(other.id, entry) != do_not_contact.digest(nurturing_scene.workspace.id, entry)
    assert not do_not_contact.is_listed(other.id, [entry])


# -- links ------------------------------------------------------------------------------------------------------------


def link_of(scene: Scene, lead: Lead) -> unsubscribing.Link:
    read = unsubscribing.read(unsubscribing.token(scene.workspace.id, lead.id, str(lead.email)))
    assert read is not None
    return read


def follow(link: unsubscribing.Link) -> refusing.Listed:
    return refusing.refuse_by_link(link.workspace_id, link.lead_id, link.digest, link.shown, MONDAY)


def test_a_link_takes_its_reader_off_for_good(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene, email="ana@acme.example")
    tick(days(1))
    assert follow(link_of(nurturing_scene, lead)) == refusing.Listed(entries=1, leads=1)
    assert send(nurturing_scene, days(1)).stopped == 1
    assert nurturing_scene.lead(lead.id).state == "retired"
    assert follow(link_of(nurturing_scene, lead)) == refusing.Listed()
    assert arrives(nurturing_scene, email="ana+again@acme.example").state == "retired"


def test_a_link_works_after_the_lead_is_gone_and_after_it_has_another_address(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene, email="ana@acme.example")
    link = link_of(nurturing_scene, lead)
    enter(nurturing_scene.workspace.id)
    Lead.objects.filter(id=lead.id).update(email="other@acme.example")
    assert follow(link) == refusing.Listed(entries=1, leads=0)
    assert nurturing_scene.lead(lead.id).do_not_contact is None
    Lead.objects.filter(id=lead.id).delete()
    assert follow(link) == refusing.Listed()
    assert do_not_contact.is_listed(nurturing_scene.workspace.id, entries_of("ana@acme.example", None))


def test_nobody_makes_a_link(nurturing_scene: Scene) -> None:
    lead = arrives(nurturing_scene)
    good = unsubscribing.token(nurturing_scene.workspace.id, lead.id, str(lead.email))
    assert unsubscribing.read(good) is not None
    for bad in [
        "",
        "x",
        good[:-4],
        good[1:],
        "A" + good[1:] if good[0] != "A" else "B" + good[1:],
        good + "A" * 300,
        "ü",
    ]:
        assert unsubscribing.read(bad) is None, bad
    other = make_workspace()
    moved = unsubscribing.token(other.id, UUID(int=1), "a@b.example")
    assert unsubscribing.read(moved) is not None
    Workspace.objects.filter(id=other.id).delete()
    do_not_contact.secret_of.cache_clear()
    assert unsubscribing.read(moved) is None
