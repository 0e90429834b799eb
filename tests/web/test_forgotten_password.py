"""Who forgot their password gets a mail, which leads here and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from tests.api.conftest import Company
from tests.web.conftest import as_

pytestmark = pytest.mark.django_db


def _ask(email: str, host: str = "testserver") -> Any:
    return Client(HTTP_HOST=host).post("/account/password/reset/", {"email": email})


def _link() -> str:
    (sent,) = mail.outbox
    return re.findall(r"https?://\S+/account/password/reset/key/\S+", str(sent.body))[0]


def test_the_link_sets_a_new_password(company: Company) -> None:
    email = company.ops.email
    assert _ask(email).status_code == 302
    assert mail.outbox[0].to == [email]
    browser = Client()
    form = browser.get(_link().removeprefix("http://testserver"), follow=True)
    new = "a new one, and long"
    done = browser.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert done.status_code == 302
    company.ops.refresh_from_db()
    assert company.ops.check_password(new)


def test_a_name_that_the_asker_made_up_does_not_stand_in_it(company: Company, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.PUBLIC_URL = ["*"], "https://dibs.example.com"
    assert _ask(company.ops.email, "evil.example").status_code == 302
    assert _link().startswith("https://dibs.example.com/account/password/reset/key/")
    (sent,) = mail.outbox
    assert "evil.example" not in f"{sent.subject} {sent.body}"


def test_who_has_no_account_is_sent_nothing_and_the_page_does_not_tell(company: Company) -> None:
    known, unknown = _ask(company.ops.email), _ask("nobody@nowhere.example")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [sent.to for sent in mail.outbox] == [[company.ops.email]]


def test_a_new_password_ends_every_login_that_there_is(company: Company) -> None:
    elsewhere = as_(company.ops)
    assert elsewhere.get("/floor/").status_code == 200
    company.ops.set_password("another one, and long")
    company.ops.save()
    assert elsewhere.get("/floor/").status_code == 302
