"""What allauth asks of us: who may sign up (nobody; `dibs user add` or an administrator makes users), what a login brings along, and
where the mails to those who forgot their password lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from dibs.delivery.wording import LANGUAGES
from dibs.people.models import User


@dataclass(frozen=True, slots=True)
class House:
    """What the mails call the place they are from."""

    name: str
    domain: str


class Login(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Log in. A language chosen in this browser, as on the login page, is the user's from then on."""
        super().login(request, user)
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        if chosen in LANGUAGES and chosen != user.language:
            User.objects.filter(id=user.pk).update(language=chosen)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link by which a new password is set. Where the server answers to any name, whoever asks may have made up the one that they
        asked by, and would be sent what the link holds: there it leads to ``DIBS_URL``."""
        url = urlsplit(str(super().get_reset_password_from_key_url(key)))
        if "*" in settings.ALLOWED_HOSTS:
            return f"{settings.PUBLIC_URL}{url.path}"
        return url.geturl()

    def format_email_subject(self, subject: str) -> str:
        return f"Dibs: {subject}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # Not by the name that the request came by.
        here = House("Dibs", urlsplit(settings.PUBLIC_URL).netloc)
        super().send_mail(template_prefix, email, {**context, "current_site": here})
