"""The work on leads: what is noted, done, planned, asked and sent, and the opportunities that come of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.crm.models.customers import Account, Contact
from dibs.crm.models.leads import Lead
from dibs.people.models import Rep, User
from dibs.people.tenancy import WorkspaceRow


class Campaign(WorkspaceRow):
    """Something done to make people interested: leads answer to it. ``key`` is what sources and policies call it."""

    key = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    channel = models.CharField(max_length=20, default="other")
    product = models.CharField(max_length=200, null=True, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="campaign_key_once")]


class Piece(WorkspaceRow):
    """What a campaign sent to people: a mail, a brochure, an advertisement. ``text`` as they read it, or where it is, ``url``."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="pieces")
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, default="mail")
    text = models.TextField(default="", blank=True)
    url = models.CharField(max_length=2000, default="", blank=True)
    sent_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)


class Opportunity(WorkspaceRow):
    """What a converted lead became. ``state`` is ``open``, ``won`` or ``lost``; ``stage`` one of the policy's, the last it was in."""

    lead = models.OneToOneField(Lead, on_delete=models.SET_NULL, null=True, related_name="opportunity")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="opportunities")
    contact = models.ForeignKey(Contact, on_delete=models.SET_NULL, null=True, related_name="opportunities")
    owner = models.ForeignKey(Rep, on_delete=models.PROTECT, related_name="opportunities")
    name = models.CharField(max_length=300)
    amount = models.DecimalField(max_digits=18, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, null=True)
    state = models.CharField(max_length=4, default="open")
    stage = models.CharField(max_length=50)
    close_on = models.DateField(null=True)
    lost_why = models.CharField(max_length=300, default="", blank=True)
    version = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    staged_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["open", "won", "lost"]), name="opportunity_state_known")
        ]
        indexes = [
            models.Index(fields=["workspace", "state", "stage", "-staged_at", "id"], name="opportunity_board"),
            models.Index(fields=["workspace", "owner", "state"], name="opportunity_by_owner"),
        ]


class Note(WorkspaceRow):
    """What somebody wrote down about a lead; it goes along into the opportunity that the lead becomes."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, null=True, db_index=False, related_name="notes")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, null=True, related_name="notes")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)
    text = models.TextField()
    pinned = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "lead", "-at"], name="note_of_lead")]


class Activity(WorkspaceRow):
    """Something done with a lead, or to be done: done where ``done_at`` is set, else planned for ``due_at``. ``kind``: ``call``, ``mail``,
    ``meeting``, ``message``, ``task``, ``other``; ``outcome``: ``reached``, ``no_answer``, ``left_message``, ``wrong_number`` or "".
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, null=True, db_index=False, related_name="activities")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, null=True, related_name="activities")
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, null=True, db_index=False, related_name="+")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=8)
    outcome = models.CharField(max_length=16, default="", blank=True)
    text = models.TextField(default="", blank=True)
    due_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "lead", "-created_at"], name="activity_of_lead"),
            models.Index(
                fields=["workspace", "rep", "due_at"], condition=Q(done_at__isnull=True), name="activity_to_be_done"
            ),
        ]


class Appointment(WorkspaceRow):
    """A meeting with a lead. ``sequence`` grows with each change, as calendars want it."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, null=True, db_index=False, related_name="appointments")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, null=True, related_name="appointments")
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=300)
    place = models.CharField(max_length=500, default="", blank=True)
    text = models.TextField(default="", blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    sequence = models.IntegerField(default=0)
    cancelled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="appointment_ends_later")
        ]
        indexes = [
            models.Index(fields=["workspace", "lead", "starts_at"], name="appointment_of_lead"),
            models.Index(fields=["workspace", "rep", "starts_at"], name="appointment_of_rep"),
        ]


class Assessed(WorkspaceRow):
    """A questionnaire that a rep filled in with a lead. ``answers`` by the question's name; ``score`` 0..100; ``verdict``: ``pursue``,
    ``follow_up``, ``hand_over`` or ``retire``. A draft has no ``finished_at`` yet.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False, related_name="assessments")
    template = models.CharField(max_length=50)
    policy_version = models.IntegerField(null=True)
    answers = models.JSONField(default=dict)
    score = models.SmallIntegerField()
    verdict = models.CharField(max_length=12)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two windows of one rep fill in one questionnaire, not two.
            models.UniqueConstraint(
                fields=["lead", "template", "by"], condition=Q(finished_at__isnull=True), name="assessed_draft_once"
            )
        ]
        indexes = [models.Index(fields=["workspace", "lead", "-at"], name="assessed_of_lead")]


class Sent(WorkspaceRow):
    """What was sent to the person of a lead: a piece of a campaign, or something that another system reports."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False, related_name="sent")
    piece = models.ForeignKey(Piece, on_delete=models.SET_NULL, null=True, related_name="+")
    campaign = models.CharField(max_length=100, null=True)
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, default="mail")
    text = models.TextField(default="", blank=True)
    url = models.CharField(max_length=2000, default="", blank=True)
    at = models.DateTimeField()
    external_id = models.CharField(max_length=200, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "lead", "external_id"],
                condition=Q(external_id__isnull=False),
                name="sent_external_once",
            )
        ]
        indexes = [models.Index(fields=["workspace", "lead", "-at"], name="sent_to_lead")]
