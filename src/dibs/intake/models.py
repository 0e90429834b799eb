"""How leads come in: sources, what they sent as they sent it, and the imports."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.timezone import now

from dibs.people.models import User
from dibs.people.tenancy import WorkspaceRow


class Source(WorkspaceRow):
    """A place that leads come from; ``kind`` names the connector that reads it."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    mapping = models.JSONField(null=True)
    #: What it is: ``form``, ``campaign``, ``list`` (bought or rented from a third party), ``event``, ``referral``, ``partner``, ``file``, ``api``.
    category = models.CharField(max_length=10, default="api")
    #: The campaign whose responses it brings, by its key; whom a list is from, and how its people agreed to be on it.
    campaign = models.CharField(max_length=100, null=True, blank=True)
    vendor = models.CharField(max_length=200, default="", blank=True)
    consent = models.BooleanField(null=True)
    note = models.CharField(max_length=1000, default="", blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="source_name_once")]


class RawPayload(WorkspaceRow):
    """What a source sent, kept before anything is made of it. The same payload twice is one row."""

    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32)
    payload = models.JSONField()
    lead = models.UUIDField(null=True)
    received_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "source", "external_id", "digest"], name="raw_payload_once")
        ]


class Import(WorkspaceRow):
    """One file read. ``counts`` holds rows, placed, touched, enriched, unchanged, refused, where the placed ones are, reasons, flags.

    ``finished_at`` stays empty for an import that was broken off; what it had placed until then is placed, and importing the
    file again goes on from there.
    """

    source = models.CharField(max_length=100)
    file_name = models.CharField(max_length=300)
    encoding = models.CharField(max_length=40, default="")
    started_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    #: Where it stands: ``running``, ``done``, ``failed``, ``undoing`` or ``undone``; how many of the file's bytes are read.
    state = models.CharField(max_length=8, default="running")
    position = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=500, default="", blank=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    #: How the file is to be read, for the job that does: ``mapping``, ``encoding``, ``sheet``, ``header``; how its refused rows can be
    #: told apart: ``columns``, ``delimiter``; and the upload that holds it until then.
    options = models.JSONField(default=dict)
    upload = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-started_at"], name="import_latest")]


class Changed(WorkspaceRow):
    """A lead that was here before an import, and that a row of it touched or enriched: what it changed, so that it can be taken back.

    ``before`` and ``after`` hold the columns that changed; ``touches`` are the ids of the touches written down.
    """

    batch = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="changed")
    lead = models.ForeignKey("crm.Lead", on_delete=models.CASCADE, db_constraint=False, related_name="+")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    touches = ArrayField(models.UUIDField(), default=list)


class Upload(WorkspaceRow):
    """A file that somebody is about to import by the page or the API: kept until it is, or for a day."""

    name = models.CharField(max_length=300)
    content = models.BinaryField()
    size = models.BigIntegerField()
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)


class ImportRefusal(WorkspaceRow):
    """A row of a file that could not become a lead: which row (1 is the first after the header), why, and the row itself.

    ``line`` is the line of the file that the row starts in; ``raw`` its text, cut at 20,000 characters, with what a database
    cannot hold (NUL, bytes of another encoding) spelt out.
    """

    batch = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="refusals")
    row = models.IntegerField()
    line = models.IntegerField()
    code = models.CharField(max_length=40)
    field = models.CharField(max_length=120, default="")
    detail = models.CharField(max_length=500, default="")
    raw = models.TextField(default="")


class Erasure(WorkspaceRow):
    """That what was known of somebody was erased: when, by whom, and of how many rows in which tables. Nothing that says who it was.

    ``why``: ``asked`` (somebody wanted it), or ``ended``, ``open`` or ``raw`` (kept as long as the policy says). ``by`` is empty where
    the policy did it, or who runs the server. ``leads``: how many there were; ``listed``: whether the person was put on the list of those
    who must not be contacted.
    """

    at = models.DateTimeField(default=now)
    why = models.CharField(max_length=8)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    leads = models.IntegerField(default=0)
    rows = models.JSONField(default=dict)
    listed = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-at"], name="erasure_latest")]
