"""What allauth asks of us: who may sign up (nobody; `dibs user add` or an administrator makes users), and what a login brings
along."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from dibs.delivery.wording import LANGUAGES
from dibs.people.models import User


class Login(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        """Log in. A language chosen in this browser, as on the login page, is the user's from then on."""
        super().login(request, user)
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        if chosen in LANGUAGES and chosen != user.language:
            User.objects.filter(id=user.pk).update(language=chosen)
