"""What has to reach somebody outside the transaction that caused it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.people.tenancy import WorkspaceRow


class Outbox(WorkspaceRow):
    """An event written in the transaction that made it true, delivered after commit, at least once.

    ``event`` is a documented name such as ``lead.claimed``. ``seq`` orders events for readers that follow along; a lower
    number can become visible after a higher one, so a follower looks back a little. ``payload`` names the lead, the rep and
    the pool and holds none of the lead's own fields: a reader who may see those asks for them.
    """

    seq = models.BigIntegerField(unique=True, editable=False)
    at = models.DateTimeField(default=now)
    event = models.CharField(max_length=40)
    lead = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)
    attempts = models.SmallIntegerField(default=0)
    deliver_at = models.DateTimeField(null=True, default=now)
    delivered_at = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace", "deliver_at"], condition=Q(delivered_at__isnull=True), name="outbox_undelivered"
            )
        ]


class Notice(WorkspaceRow):
    """Something a person is to know: a rule that will change, another tier, a claim floor missed. ``reasons`` as the log keeps them;
    text is made when it is read, in the reader's language.
    """

    user = models.ForeignKey("people.User", on_delete=models.CASCADE, db_index=False, related_name="+")
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=40)
    reasons = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "user", "-at"], name="notice_by_user")]


class Mail(WorkspaceRow):
    """A mail to the person of a lead, the ``step``-th of a sequence. Written in the transaction that decided on it, sent after commit, at
    least once. ``state``: ``waiting``, ``sent``, ``stopped`` (it was not to be sent any more) or ``failed``.
    """

    lead = models.ForeignKey("crm.Lead", on_delete=models.CASCADE, db_index=False, related_name="mails")
    sequence = models.CharField(max_length=50)
    step = models.SmallIntegerField()
    #: When the lead came into the sequence: the same step of another time is another mail.
    began_at = models.DateTimeField()
    mail = models.CharField(max_length=50)
    language = models.CharField(max_length=5)
    sender = models.CharField(max_length=300, default="", blank=True)
    address = models.CharField(max_length=320)
    subject = models.CharField(max_length=998)
    text = models.TextField()
    state = models.CharField(max_length=8, default="waiting")
    at = models.DateTimeField(default=now)
    send_at = models.DateTimeField(null=True, default=now)
    sent_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    error = models.CharField(max_length=500, default="", blank=True)
    message_id = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lead", "sequence", "began_at", "step"], name="mail_step_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "send_at"], condition=Q(state="waiting"), name="mail_waiting"),
            models.Index(fields=["workspace", "lead", "-at"], name="mail_to_lead"),
        ]
