"""Who works here: workspaces, users, reps, teams, and the tokens that programs call with."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from dibs.people.tenancy import WorkspaceRow, new_id


def new_secret() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(32)


class Workspace(models.Model):
    """One company. Not under row-level security: it is how a caller finds out where they belong."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    #: Country assumed for phone numbers written without a country code, ISO 3166 alpha-2; "" means none.
    country = models.CharField(max_length=2, default="", blank=True)
    #: What addresses are hashed with that must not be written to, and what signs the links to unsubscribe by. Never changed: the list
    #: would be of nobody any more, and no link in any mail would work.
    secret = models.BinaryField(max_length=32, default=new_secret, editable=False)
    created_at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    REP = "rep", "Rep"
    MANAGER = "manager", "Manager"
    OPS = "ops", "Operations"
    INTEGRATION = "integration", "Integration"


class UserAccounts(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """Somebody, or some program, that can log in. A user belongs to one workspace."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="users")
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=8, default="en")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    objects: ClassVar[UserAccounts] = UserAccounts()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class Team(WorkspaceRow):
    """A group of reps. ``slug`` is the name the policy uses; managers of the team see all its leads."""

    slug = models.SlugField()
    name = models.CharField(max_length=200)
    managers = models.ManyToManyField(User, through="Management", related_name="manages")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="team_slug_once")]

    def __str__(self) -> str:
        return self.name


class Rep(WorkspaceRow):
    """A salesperson. ``handle`` is the name the policy uses.

    ``hours`` maps ISO weekday ("1" Monday .. "7" Sunday) to [start, end] in minutes since local midnight; ``null`` means
    always at work. ``available`` is the rep's own switch. ``face`` is an SVG document, or "": show it as an image of its
    own (``<img>``), never as markup of the page.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="rep")
    handle = models.SlugField()
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2, default="", blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    languages = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    hours = models.JSONField(null=True, blank=True)
    #: ISO 3166-2, without the country: whose public holidays the rep keeps beside the country's; "" means none.
    region = models.CharField(max_length=8, default="", blank=True)
    keeps_holidays = models.BooleanField(default=True)
    available = models.BooleanField(default=True)
    #: Why not: "" for the rep's own switch, ``manager``, or ``lapses`` (so many offers and locks in a row ran out unused).
    away_why = models.CharField(max_length=8, default="", blank=True)
    away_since = models.DateTimeField(null=True, blank=True)
    active = models.BooleanField(default=True)
    #: Declared strengths: industries as leads name them, how senior, and how deep technically, 1..5.
    industries = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    seniority = models.SmallIntegerField(null=True, blank=True)
    depth = models.SmallIntegerField(null=True, blank=True)
    face = models.TextField(default="", blank=True)
    teams = models.ManyToManyField(Team, through="Membership", related_name="reps")
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "handle"], name="rep_handle_once")]

    def __str__(self) -> str:
        return self.name


class Membership(WorkspaceRow):
    """A rep is in a team."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "rep"], name="membership_once")]


class Management(WorkspaceRow):
    """A user manages a team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="management_once")]


class Calendar(WorkspaceRow):
    """A rep's calendar at an address that answers with iCalendar (RFC 5545). What it says is kept as `Busy`; while it fails, what it said
    last goes on to hold. ``etag`` and ``modified`` are the server's, sent back so that it may answer that nothing is new.
    """

    rep = models.OneToOneField(Rep, on_delete=models.CASCADE, related_name="calendar")
    url = models.CharField(max_length=2000)
    etag = models.CharField(max_length=200, default="", blank=True)
    modified = models.CharField(max_length=100, default="", blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, default="", blank=True)


class Busy(WorkspaceRow):
    """A span in which a rep has an appointment, half-open."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="busy")
    starts = models.DateTimeField()
    ends = models.DateTimeField()


class TimeOff(WorkspaceRow):
    """A span in which a rep is away; half-open, ``starts`` <= t < ``ends``."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="time_off")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    note = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(ends__gt=models.F("starts")), name="time_off_has_length")
        ]


class ApiToken(models.Model):
    """A key that a program calls with. Only its digest is kept.

    The token's text is ``dibs_<workspace id>_<secret>``: the workspace is in it so that a request can put row-level
    security on its connection and check the token in the same statement that reads the facts.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200, default="")
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(null=True, blank=True)

    @staticmethod
    def digest_of(text: str) -> bytes:
        """SHA-256 of the token's text. The secret has 256 bits, so a fast hash without salt is enough."""
        return hashlib.sha256(text.encode()).digest()

    @staticmethod
    def workspace_in(text: str) -> UUID | None:
        """The workspace a token claims to be for, or ``None`` if the text is no token's."""
        prefix, _, rest = text.partition("_")
        workspace, _, secret = rest.partition("_")
        if prefix != "dibs" or not secret or len(workspace) != 32:
            return None
        try:
            return UUID(hex=workspace)
        except ValueError:
            return None

    @classmethod
    def issue(
        cls, user: User, name: str = "", scopes: list[str] | None = None, expires_at: datetime | None = None
    ) -> str:
        """Make a token for ``user`` and return its text, which cannot be had again."""
        text = f"dibs_{user.workspace_id.hex}_{secrets.token_urlsafe(32)}"
        cls.objects.create(
            workspace_id=user.workspace_id,
            user=user,
            name=name,
            digest=cls.digest_of(text),
            scopes=scopes or [],
            expires_at=expires_at,
        )
        return text
