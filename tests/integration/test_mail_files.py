"""Mails laid down as files: one file each, and none of somebody who was erased."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMessage, get_connection
from django.db import OperationalError

from dibs.delivery import mail_files, mailing
from dibs.delivery.models import Mail
from dibs.delivery.tasks import take_mails_away
from dibs.distribution import policies
from dibs.distribution.ticking import tick
from dibs.intake import erasing
from tests.integration.wrote_in import EMAIL, NAME, House
from tests.making import publish

pytestmark = pytest.mark.django_db

NURTURING = """
policy: Mailed
route: [{name: All, nurture: slow}]
nurture:
  sender: Dibs <dibs@sender.example>
  sequences: {slow: {steps: [{mail: hello, after: 1h}]}}
  mails: {hello: {en: {subject: "Hello {first_name}", text: "Dear {name}, now or never."}}}
"""
LATER = timedelta(hours=2)
Committing = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_FILE_PATH = str(tmp_path / "mails")
    settings.EMAIL_BACKEND = "dibs.delivery.mail_files.EmailBackend"
    return tmp_path / "mails"


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Committing) -> Committing:
    """A block at whose end what was to be done after commit is done."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def house(db: Any) -> House:
    made = House()
    publish(made.workspace, NURTURING)
    return made


def _mailed(house: House, **fields: Any) -> UUID:
    lead = house.lead(consent=True, **fields)
    tick(house.now + LATER)
    return lead


def _send(house: House, clock: Callable[[], datetime] | None = None) -> mailing.Done:
    active = policies.active(house.workspace.id)
    assert active is not None
    return mailing.send_waiting(house.workspace.id, active.book.policy.nurture, clock or (lambda: house.now + LATER))


def test_a_mail_is_a_file_that_a_mail_program_reads(folder: Path, house: House) -> None:
    _mailed(house)
    assert _send(house).sent == 1
    (file,) = folder.iterdir()
    told = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (file.suffix, told["To"], told["Subject"]) == (".eml", EMAIL, "Hello Zelda")
    assert told["Message-ID"] == Mail.objects.get().message_id
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_is_sent_a_second_time_lies_there_once(folder: Path) -> None:
    for _ in range(2):
        EmailMessage("Hello", "x", to=["a@b.example"], headers={"Message-ID": "<7@b.example>"}).send()
    EmailMessage("Hello", "x", to=["a@b.example"]).send()
    assert len(list(folder.iterdir())) == 2


def test_no_name_of_a_mail_leads_out_of_the_folder(folder: Path) -> None:
    for name in ("<../../out@b.example>", "<a/b@c.example>", "<.@b.example>"):
        get_connection().send_messages([EmailMessage("x", "x", to=["a@b.example"], headers={"Message-ID": name})])
    assert [file.name for file in folder.parent.iterdir()] == ["mails"]
    assert mail_files.take_away(["<../../out@b.example>", "<not there@b.example>", ""]) == 1


def test_whose_person_is_erased_goes_and_other_mails_stay(folder: Path, house: House, committing: Committing) -> None:
    _mailed(house)
    other = _mailed(house, name="Somebody Else", email="else@other.example", phone=None)
    assert _send(house).sent == 2
    with committing(execute=True):
        house.erase()
    (left,) = folder.iterdir()
    assert left.name.startswith(str(Mail.objects.get(lead_id=other).id))
    assert NAME not in left.read_text()


def test_none_goes_of_somebody_who_is_not_erased_after_all(
    folder: Path, house: House, committing: Committing, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mailed(house)
    assert _send(house).sent == 1

    def gone(*_: object) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(erasing, "post", gone)
    with pytest.raises(OperationalError), committing(execute=True):
        house.erase()
    assert [file.name for file in folder.iterdir()] == [f"{Mail.objects.get().id}-sender-example.eml"]


@pytest.mark.django_db(transaction=True)
def test_what_was_left_by_who_died_while_erasing_goes_within_the_hour(
    folder: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mailed(house)
    other = _mailed(house, name="Somebody Else", email="else@other.example", phone=None)
    assert _send(house).sent == 2
    EmailMessage("Your password", "x", to=["a@b.example"]).send()
    kept = Mail.objects.get(lead_id=other).id
    for file in list(folder.iterdir()):
        file.with_suffix(".4711.half").write_bytes(file.read_bytes()[:100])
    # It commits, and is killed before it does the rest.
    monkeypatch.setattr(erasing, "_take_mails_away", lambda _: None)
    house.erase()
    assert len(list(folder.iterdir())) == 6
    assert take_mails_away(timestamp=0) == 2
    assert sorted(file.name.startswith(str(kept)) for file in folder.iterdir()) == [False, False, True, True]
    assert take_mails_away(timestamp=0) == 0


@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_removed_undoes_no_erasing_and_is_tried_again(folder: Path, house: House) -> None:
    _mailed(house)
    assert _send(house).sent == 1
    (file,) = folder.iterdir()
    file.unlink()
    file.with_suffix(".1.half").touch()
    file.mkdir()
    house.erase()
    assert house.found(EMAIL) == {}
    # Nor does it keep others, in whichever order the folder names them.
    file.with_suffix(".2.half").touch()
    assert take_mails_away(timestamp=0) == 2
    assert list(folder.iterdir()) == [file]
    file.rmdir()
    file.touch()
    assert take_mails_away(timestamp=0) == 1


@pytest.mark.django_db(transaction=True)
def test_there_may_be_no_folder_of_mails(folder: Path) -> None:
    assert take_mails_away(timestamp=0) == 0
    assert not folder.exists()


def test_one_that_goes_out_while_its_person_is_erased_does_not_stay(folder: Path, house: House) -> None:
    _mailed(house)
    moments = iter(range(10))

    def clock() -> datetime:
        # The mail is taken, then it is dated: between the two somebody erases its person.
        if next(moments) == 1:
            house.erase()
        return house.now + LATER

    assert _send(house, clock).sent == 1
    assert list(folder.iterdir()) == []
