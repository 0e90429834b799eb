"""What is sold to: leads, and the accounts and contacts they belong to.

Who owns a lead and in which state it is, is written by ``dibs.distribution`` alone.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.crm.lookup import LONGEST
from dibs.engine.lifecycle import STATES
from dibs.people.models import Rep, User
from dibs.people.tenancy import WorkspaceRow


class Account(WorkspaceRow):
    """A customer or target company; ``parent`` makes families. ``domain`` is a registered domain, lower case; ``name_key`` the name as
    names are compared, ``phone`` in E.164. ``external_id`` is what the system it comes from calls it.
    """

    name = models.CharField(max_length=300)
    name_key = models.CharField(max_length=300, default="")
    external_id = models.CharField(max_length=200, null=True, blank=True)
    phone = models.CharField(max_length=64, null=True, blank=True)
    customer = models.BooleanField(default=False)
    domain = models.CharField(max_length=253, null=True, blank=True)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    owner = models.ForeignKey(Rep, on_delete=models.SET_NULL, null=True, blank=True, related_name="accounts")
    #: Made of a lead that no account was known for, and not written down by somebody.
    made = models.BooleanField(default=False)
    #: Whether the marks of its name are written: of one that was made of a lead they are a minute later.
    marked = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "domain"], condition=Q(domain__isnull=False), name="account_domain_once"
            ),
            # Two leads of one new company without a domain, at the same moment, make one account.
            models.UniqueConstraint(
                fields=["workspace", "name_key"],
                condition=Q(made=True, domain__isnull=True, external_id__isnull=True),
                name="account_made_once",
            ),
            models.UniqueConstraint(
                fields=["workspace", "external_id"],
                condition=Q(external_id__isnull=False),
                name="account_external_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "name_key"], name="account_by_name"),
            models.Index(fields=["workspace", "phone"], condition=Q(phone__isnull=False), name="account_by_phone"),
            models.Index(fields=["workspace", "id"], condition=Q(marked=False), name="account_to_mark"),
        ]

    def __str__(self) -> str:
        return self.name


class AccountMark(models.Model):
    """A number that an account's name has in common with the names that a slip makes of it (`crm.marks`): how a name written otherwise
    is found among a million.

    Row-level security lets no index answer "is like", but "is equal" it does. A mark is of one workspace, so that the key needs not
    name it. No constraints but the key: each would be a look into another table for each of the rows an account has.
    """

    pk = models.CompositePrimaryKey("mark", "account_id")
    workspace = models.ForeignKey(
        "people.Workspace", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    mark = models.BigIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="marks"
    )


class Contact(WorkspaceRow):
    """A person at an account, or one of their own. ``email`` is normalised as persons are recognised by it, lower case."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="contacts")
    name = models.CharField(max_length=300, default="", blank=True)
    title = models.CharField(max_length=300, null=True, blank=True)
    email = models.CharField(max_length=320, null=True, blank=True)
    phone = models.CharField(max_length=64, null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"], condition=Q(email__isnull=False), name="contact_email_once"
            )
        ]


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


class DoNotContact(WorkspaceRow):
    """Somebody who must not be contacted. ``digest`` is a keyed hash of the normalised address or number, so that the list outlives the
    person's erasure and tells nobody who is on it; ``shown`` is what people recognise it by while the person is known, as
    ``a***@example.com``.
    """

    digest = models.BinaryField(max_length=32)
    what = models.CharField(max_length=5)  # mail | phone
    shown = models.CharField(max_length=100, default="", blank=True)
    why = models.CharField(max_length=16, default="asked")  # asked | unsubscribed | erased | list | bounced
    at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="do_not_contact_once")]
