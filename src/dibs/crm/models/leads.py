"""Leads, who they are known as, and which of them are one.

Who owns a lead and in which state it is, is written by ``dibs.distribution`` alone.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.crm.lookup import LONGEST
from dibs.crm.models.customers import Account, Contact
from dibs.engine.lifecycle import STATES
from dibs.people.models import Rep, User
from dibs.people.tenancy import WorkspaceRow


class Lead(WorkspaceRow):
    """One person's or company's interest, from one source, at one time.

    ``due_at`` is the next moment at which something must happen to it and ``due_for`` what (see ``engine.decision.DueFor``).
    ``version`` grows by one with each write of a decision; a claim takes effect only at the version it was decided on.
    ``claim`` is the lease: acting on a lapsed one is refused. ``flags`` names what could not be right in the input
    (``email_invalid``, ``phone_invalid``, ...); the raw text stays in the field.
    """

    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    received_at = models.DateTimeField()
    name = models.CharField(max_length=300, null=True, blank=True)
    title = models.CharField(max_length=300, null=True, blank=True)
    email = models.CharField(max_length=320, null=True, blank=True)
    phone = models.CharField(max_length=64, null=True, blank=True)
    company = models.CharField(max_length=300, null=True, blank=True)
    domain = models.CharField(max_length=253, null=True, blank=True)
    industry = models.CharField(max_length=200, null=True, blank=True)
    employees = models.BigIntegerField(null=True, blank=True)
    country = models.CharField(max_length=2, null=True, blank=True)
    region = models.CharField(max_length=200, null=True, blank=True)
    city = models.CharField(max_length=200, null=True, blank=True)
    postal_code = models.CharField(max_length=32, null=True, blank=True)
    language = models.CharField(max_length=16, null=True, blank=True)
    product = models.CharField(max_length=200, null=True, blank=True)
    use_case = models.CharField(max_length=300, null=True, blank=True)
    deal_value = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    message = models.TextField(null=True, blank=True)
    consent = models.BooleanField(null=True, blank=True)
    #: How often the person came; pages they looked at, mails they opened; and when the last of these was.
    touches = models.IntegerField(null=True, blank=True)
    pages = models.IntegerField(null=True, blank=True)
    opens = models.IntegerField(null=True, blank=True)
    last_touch_at = models.DateTimeField(null=True, blank=True)
    #: The campaign it answers to, by its key.
    campaign = models.CharField(max_length=100, null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    flags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    #: On the list of those who must not be contacted.
    do_not_contact = models.BooleanField(null=True)
    #: Answers to the policy's standard questions, by the question's name.
    answers = models.JSONField(default=dict, blank=True)
    #: Score of the last assessment, 0..100, and what it led to.
    assessment = models.SmallIntegerField(null=True)
    assessed = models.CharField(max_length=12, null=True)
    #: To be won, 0..1, as the model that was switched on says.
    likelihood = models.FloatField(null=True)

    state = models.CharField(max_length=12, default="new")
    score = models.SmallIntegerField(null=True)
    rank = models.CharField(max_length=8, null=True)
    territory = models.CharField(max_length=100, null=True)
    pool = models.CharField(max_length=100, null=True)
    review = models.CharField(max_length=100, null=True)
    owner = models.ForeignKey(Rep, on_delete=models.PROTECT, null=True, db_index=False, related_name="leads")
    account = models.ForeignKey(Account, on_delete=models.SET_NULL, null=True, related_name="leads")
    #: Place in line: when the lead first came to wait. Kept through a lapse, so that a lapsed lead is not sent to the end.
    waiting_since = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    due_for = models.CharField(max_length=12, null=True)
    lock_expires_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    #: When its present owner claimed it, or the last one; empty if it was pushed to them.
    claimed_at = models.DateTimeField(null=True)
    contacted_at = models.DateTimeField(null=True)
    #: When it was converted or retired.
    ended_at = models.DateTimeField(null=True)
    escalated = models.SmallIntegerField(default=0)
    reassigned = models.SmallIntegerField(default=0)
    #: A manager gave it to its owner: rules do not take it away again.
    by_hand = models.BooleanField(default=False)
    #: When the first contact is due, at the latest; and whether somebody was warned of it, or of its being left alone.
    sla_at = models.DateTimeField(null=True)
    warned = models.BooleanField(default=False)
    #: Its owner's last act on it, or the person's last touch: what being left alone counts from.
    acted_at = models.DateTimeField(null=True)
    #: The team of which nobody could be given it, and one of whom still shall: the longest waiting first.
    awaits = models.CharField(max_length=100, null=True)
    #: Whose it is to bring on: ``marketing`` until it is ready for ``sales``.
    side = models.CharField(max_length=9, default="sales")
    #: The mails it is in the middle of, how many of them it got, and when the last, or when it came into the sequence.
    sequence = models.CharField(max_length=50, null=True)
    mailed = models.SmallIntegerField(default=0)
    mailed_at = models.DateTimeField(null=True)
    #: When its rep means to look at it again.
    follow_up_at = models.DateTimeField(null=True)
    #: Why it was given up, one of ``engine.policy_terms.RetireWhy``.
    retired_why = models.CharField(max_length=16, null=True)
    #: The person, where there is a contact of them.
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, db_constraint=False, db_index=False, related_name="leads"
    )
    #: The import it came with.
    batch = models.UUIDField(null=True)
    #: The lead that this one, being of the same person, was merged into.
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, db_index=False, related_name="merged")
    #: How the present owner came to have it, or the last one had: claimed; assigned, offered; escalated, aged (it waited too long);
    #: review (a manager gave it from there), floor (to make up missing claims); lapsed, reassigned (passed on from another rep).
    taken_by = models.CharField(max_length=12, null=True)
    policy_version = models.IntegerField(null=True)
    version = models.IntegerField(default=0)
    #: What a search looks through, folded; see ``crm.lookup``.
    lookup = models.CharField(max_length=LONGEST, default="")
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="lead_state_known"),
            models.CheckConstraint(condition=Q(score__isnull=True) | Q(score__range=(1, 100)), name="lead_score_range"),
            # One owner at most is the column itself; that a held lead has one, and a waiting lead none, is this.
            models.CheckConstraint(
                condition=Q(state__in=["offered", "owned", "working"], owner__isnull=False)
                | Q(state__in=["new", "pooled", "review", "nurture"], owner__isnull=True)
                | Q(state__in=["converted", "retired", "merged"]),
                name="lead_owner_fits_state",
            ),
            models.CheckConstraint(condition=~Q(state="pooled") | Q(pool__isnull=False), name="lead_pooled_has_pool"),
            # A lease has a token and an end, or there is none.
            models.CheckConstraint(
                condition=Q(lock_expires_at__isnull=True) | Q(claim__isnull=False), name="lead_lock_has_claim"
            ),
            # The same lead sent twice is one lead: what makes intake idempotent under concurrent senders.
            models.UniqueConstraint(
                fields=["workspace", "source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="lead_external_once",
            ),
        ]
        indexes = [
            # The first page of a pool in its usual order. What it includes is what a search, a range and another order look at:
            # they read the index alone, in place of a hundred thousand leads.
            models.Index(
                "workspace",
                "pool",
                models.F("score").desc(),
                "received_at",
                "id",
                include=("waiting_since", "employees", "deal_value", "rank", "territory", "lookup"),
                condition=Q(state="pooled"),
                name="lead_pool_by_score",
            ),
            # The same, filtered by what reps filter by most. Without these a rare value is looked for through the whole pool:
            # 7 s with a million waiting. Each costs about 3 microseconds a lead that comes to wait, and a claim nothing.
            *(
                models.Index(
                    "workspace",
                    "pool",
                    field,
                    models.F("score").desc(),
                    "received_at",
                    "id",
                    condition=Q(state="pooled", **{f"{field}__isnull": False}),
                    name=f"lead_pool_by_{field}",
                )
                for field in ("country", "industry", "source")
            ),
            # The head of a queue, and "the oldest waiting goes first".
            models.Index(
                fields=["workspace", "pool", "waiting_since", "id"],
                condition=Q(state="pooled"),
                name="lead_pool_by_age",
            ),
            # What was merged into a lead is told with it; and no lead is deleted without asking for that, which reads all leads without this.
            models.Index(fields=["merged_into"], condition=Q(merged_into__isnull=False), name="lead_merged_into"),
            # What the tick asks for.
            models.Index(fields=["workspace", "due_at"], condition=Q(due_at__isnull=False), name="lead_due"),
            # My leads, and how many a rep holds.
            models.Index(
                fields=["workspace", "owner", "state"], condition=Q(owner__isnull=False), name="lead_by_owner"
            ),
            # What a rep converted and retired lately: what tiers are counted from, and how what was taken in which way ended.
            models.Index(
                fields=["workspace", "owner", "ended_at"],
                include=["state", "taken_by"],
                condition=Q(ended_at__isnull=False),
                name="lead_ended",
            ),
            # Locks that ran out and that no tick has taken back yet: claimable at once.
            models.Index(
                fields=["workspace", "pool", "lock_expires_at"],
                condition=Q(state="owned", lock_expires_at__isnull=False),
                name="lead_locked",
            ),
            # What waits for somebody of a team to be free, the longest waiting first.
            models.Index(
                fields=["workspace", "awaits", "waiting_since", "id"],
                condition=Q(awaits__isnull=False),
                name="lead_awaits",
            ),
            # What came with one import: what undoing it asks for.
            models.Index(fields=["workspace", "batch"], condition=Q(batch__isnull=False), name="lead_of_import"),
            # What its rep means to look at again: those whose moment has come are asked for each minute.
            models.Index(
                fields=["workspace", "follow_up_at"], condition=Q(follow_up_at__isnull=False), name="lead_follow_up"
            ),
            # What waits for a manager's decision, the longest waiting first.
            models.Index(fields=["workspace", "received_at", "id"], condition=Q(state="review"), name="lead_in_review"),
        ]

    def __str__(self) -> str:
        return self.company or self.name or str(self.id)


class Helper(WorkspaceRow):
    """A rep who is on a lead's team: sees it in full and may help with it, and does not own it."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="helpers")
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="helps")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lead", "rep"], name="helper_once")]


class KnownBy(models.Model):
    """What the person of a lead is known by: a mailbox of their own (``name`` is ""), or a telephone number, or a mailbox that others
    have too, each with the person's name. See ``crm.persons``.

    The key makes two arrivals of one person at the same moment one lead and one touch: it lets one of them in first. A row stays
    when its lead has ended, until the person comes again.
    """

    pk = models.CompositePrimaryKey("workspace_id", "value", "name")
    workspace = models.ForeignKey(
        "people.Workspace", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    value = models.CharField(max_length=320)
    name = models.CharField(max_length=100)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")


class Touch(WorkspaceRow):
    """The person of an open lead came again, or did something. ``kind``: ``form`` (another lead that would have been), ``visit``,
    ``page``, ``open``, ``click``, ``call``, ``mail``, ``meeting``, ``other``; ``count`` how many of it at once.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False, related_name="touched")
    at = models.DateTimeField()
    kind = models.CharField(max_length=8)
    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    count = models.IntegerField(default=1)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="touch_external_once",
            )
        ]
        indexes = [models.Index(fields=["workspace", "lead", "-at"], name="touch_story")]


class NearMiss(WorkspaceRow):
    """A lead that may belong to an account, or be of the same person as another lead: a person decides. ``score`` 0..1 and its
    ``parts``; ``state``: ``open``, ``merged`` or ``apart``.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="near")
    other = models.ForeignKey(Lead, on_delete=models.CASCADE, null=True, related_name="near_others")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="near")
    score = models.FloatField()
    parts = models.JSONField(default=list)
    state = models.CharField(max_length=8, default="open")
    at = models.DateTimeField()
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(other__isnull=True) ^ Q(account__isnull=True), name="near_miss_of_one_thing"
            ),
            models.UniqueConstraint(fields=["lead", "other"], condition=Q(other__isnull=False), name="near_lead_once"),
            models.UniqueConstraint(
                fields=["lead", "account"], condition=Q(account__isnull=False), name="near_account_once"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-score", "id"], condition=Q(state="open"), name="near_miss_open")]


class Merge(WorkspaceRow):
    """Two leads of one person were made one. ``before`` is what undoing it takes: both leads' columns as they were."""

    kept = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    gone = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+")
    before = models.JSONField(default=dict)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
