"""What distribution remembers: policies, turns, standings, and the log of every decision."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.people.models import Rep, User
from dibs.people.tenancy import WorkspaceRow


class PolicyVersion(WorkspaceRow):
    """A published policy: immutable, numbered from 1 in its workspace. ``document`` is the canonical JSON of ``source``."""

    number = models.IntegerField()
    name = models.CharField(max_length=200)
    source = models.TextField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    active = models.BooleanField(default=False)
    #: Announced and not in force yet: it becomes the active one at ``effective_from``.
    pending = models.BooleanField(default=False)
    #: Since when it is in force, or from when it will be.
    effective_from = models.DateTimeField(default=now)
    #: When its announcement was taken back: it never was in force.
    cancelled_at = models.DateTimeField(null=True)
    #: Whether open leads that belong to others by its territories move to them as it comes into force.
    moves_leads = models.BooleanField(default=False)
    #: The day, in its own time zone, up to which territories that begin and end have been looked at.
    borders_on = models.DateField(null=True)
    note = models.CharField(max_length=500, default="", blank=True)
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="policy_number_once"),
            # Two people publishing at once: one active policy, whoever wins.
            models.UniqueConstraint(fields=["workspace"], condition=Q(active=True), name="policy_one_active"),
            # What comes next is one thing: announcing another policy takes the earlier announcement back.
            models.UniqueConstraint(fields=["workspace"], condition=Q(pending=True), name="policy_one_pending"),
        ]


class Rotation(WorkspaceRow):
    """A rep's place in a team's rotation. ``passed`` is the stride scheduler's pass: the eligible rep with the smallest is next."""

    key = models.CharField(max_length=100)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE)
    passed = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key", "rep"], name="rotation_rep_once")]


class Standing(models.Model):
    """A rep's fair-play counters; see ``engine.counters.Standing`` for what each means and how it moves."""

    rep = models.OneToOneField(Rep, on_delete=models.CASCADE, primary_key=True)
    workspace = models.ForeignKey("people.Workspace", on_delete=models.CASCADE, db_constraint=False, related_name="+")
    holding = models.IntegerField(default=0)
    open_leads = models.IntegerField(default=0)
    day = models.DateField(null=True)
    claims_today = models.IntegerField(default=0)
    assigned_today = models.IntegerField(default=0)
    week = models.DateField(null=True)
    claims_this_week = models.IntegerField(default=0)
    recent = ArrayField(models.SmallIntegerField(), default=list)
    skips = models.IntegerField(default=0)
    kept_skips = models.IntegerField(default=0)
    lapses = models.IntegerField(default=0)
    last_claim_at = models.DateTimeField(null=True)
    claimed_at = ArrayField(models.DateTimeField(), default=list)
    floor_on = models.DateField(null=True)
    assigned_this_week = models.IntegerField(default=0)
    #: First day of the month that ``assigned_this_month`` counts in.
    month = models.DateField(null=True)
    assigned_this_month = models.IntegerField(default=0)
    #: When the latest leads were pushed to the rep, oldest first.
    pushed_at = ArrayField(models.DateTimeField(), default=list)
    #: Locks and offers that ran out unused since the rep last did something.
    lapses_in_a_row = models.IntegerField(default=0)
    version = models.IntegerField(default=0)
    #: The rest moves once a day, see ``engine.tiers.TierState``: no claim writes it, so it has no part in ``version``.
    tier = models.CharField(max_length=200, null=True)
    tier_since = models.DateField(null=True)
    tier_candidate = models.CharField(max_length=200, null=True)
    tier_days = models.IntegerField(default=0)
    tier_on = models.DateField(null=True)
    #: Leads ended, and of these converted, within the policy's window up to ``tier_on``.
    closed = models.IntegerField(default=0)
    converted = models.IntegerField(default=0)


class Decision(WorkspaceRow):
    """One answer of the engine, or one act of a person, as it was written: the lead's story, and what a replay starts from.

    No foreign-key constraint on ``lead``: the log outlives what it speaks of, and each check would cost a claim a look-up.
    """

    lead = models.ForeignKey(
        Lead, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="decisions"
    )
    #: The how-manieth decision about its lead, from 1: the order of its story. Moments can be equal, and clocks differ.
    nth = models.IntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    rep = models.ForeignKey(
        Rep, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    actor = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, related_name="+"
    )
    pool = models.CharField(max_length=100, null=True)
    reasons = models.JSONField(default=list)
    policy_version = models.IntegerField(null=True)
    seed = models.CharField(max_length=64, default="")
    #: The lead's score after it, 1..100: what it was worth then, whatever it is scored later.
    score = models.SmallIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "lead", "nth"], name="decision_story"),
            models.Index(fields=["workspace", "at"], name="decision_by_time"),
        ]


class PassedOver(WorkspaceRow):
    """A rep had this lead or looked at it, and did not keep it. ``kind``: ``lapsed`` and ``released`` ones (given back without a contact)
    are not pushed to them again, nor theirs to claim again at once; nor are ``returned`` ones, given back with no skip left to pass them
    over, which stay before them in a queue; ``declined`` ones, ``worked`` ones (given back after a contact) and ``moved`` ones (taken off
    them by a rule, such as for being left alone) are only not pushed; ``skipped`` ones they passed over in a queue; of ``opened`` ones they saw the details.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "lead", "rep", "-at"], name="passed_over_who"),
            # How often each rep did, lately: counted from the index alone.
            models.Index(fields=["workspace", "at"], include=["rep", "kind"], name="passed_over_by_time"),
        ]


class RepEntry(WorkspaceRow):
    """What happened to a rep's standing other than by a lead: another tier, a missed claim floor. The line in the log that says why.

    ``kind``: ``tier_changed`` or ``below_floor``.
    """

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False, related_name="+")
    at = models.DateTimeField()
    kind = models.CharField(max_length=16)
    reasons = models.JSONField(default=list)
    policy_version = models.IntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "rep", "-at"], name="rep_entry_story")]


class Credit(WorkspaceRow):
    """Points that a rep earned by a claimed lead's first contact (``claim``) or a conversion (``convert``), as the policy weighed them
    then. Rows are added and never changed: pay may hang on them.

    No foreign-key constraint on ``lead``: what was earned outlives the lead.
    """

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False, related_name="+")
    lead = models.ForeignKey(
        Lead, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="credits"
    )
    at = models.DateTimeField()
    what = models.CharField(max_length=8)
    points = models.DecimalField(max_digits=9, decimal_places=2)
    times = models.DecimalField(max_digits=6, decimal_places=2, default=1)
    rule = models.CharField(max_length=40, null=True)
    score = models.SmallIntegerField(null=True)
    policy_version = models.IntegerField(null=True)

    class Meta:
        constraints = [
            # A lead earns its rep each kind of credit once, whatever is pressed twice.
            models.UniqueConstraint(fields=["workspace", "lead", "rep", "what"], name="credit_once")
        ]
        # A report adds up from the index alone.
        indexes = [models.Index(fields=["workspace", "at"], include=["rep", "what", "points"], name="credit_by_time")]


class Result(WorkspaceRow):
    """How a rep's leads of one kind ended lately: what `by: best_match` expects from. Counted anew every few minutes."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False, related_name="+")
    #: The values of the policy's ``best_match.kinds``, joined.
    kind = models.CharField(max_length=400)
    closed = models.IntegerField()
    converted = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "rep", "kind"], name="result_once")]


class Move(WorkspaceRow):
    """Many open leads handed on in one step, looked at first and undone if need be: by the policy, to a rep, a team or a pool.

    ``kind``: ``bulk``, ``leave``, ``leaving`` or ``border``. ``scope`` says which leads, ``to`` where they go. ``state``: ``planned``,
    ``waiting`` (for the leave that it is for to begin, at ``started_at``), ``running``, ``done``, ``undoing``, ``undone``, ``failed``
    (``problem`` is a code) or ``dropped``.
    """

    kind = models.CharField(max_length=8)
    scope = models.JSONField(default=dict)
    to = models.JSONField(default=dict)
    why = models.CharField(max_length=500, default="", blank=True)
    state = models.CharField(max_length=8, default="planned")
    total = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)
    kept = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    undone = models.IntegerField(default=0)
    policy_version = models.IntegerField(null=True)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"], name="move_latest")]


class MoveItem(WorkspaceRow):
    """One lead of a move. ``before``: where it was, and once it is moved its ``columns`` as they were; ``planned``: where it would go, and
    once it is moved where it went; ``version``: the lead's, after it was moved: one that has changed since is not undone. ``state``:
    ``planned``, ``moved``, ``kept``, ``refused``, ``undone`` or ``changed``; ``code`` says why it is none of the good ones.
    """

    move = models.ForeignKey(Move, on_delete=models.CASCADE, related_name="items")
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False, related_name="+")
    nth = models.IntegerField()
    state = models.CharField(max_length=8, default="planned")
    before = models.JSONField(default=dict)
    planned = models.JSONField(default=dict)
    version = models.IntegerField(null=True)
    code = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["move", "nth"], name="move_item_nth"),
            models.UniqueConstraint(fields=["move", "lead"], name="move_item_once"),
        ]


class Comparison(WorkspaceRow):
    """Past leads put through two policies, to see what the second would have done otherwise; see ``distribution.comparing``.

    ``before`` and ``after`` are numbers of versions, ``after`` ``None`` for a draft, whose text is ``draft``. The leads are those received
    from ``since`` on and before ``until``. ``state``: ``waiting``, ``running``, ``done`` or ``failed``; ``total`` leads to go through,
    ``passed`` of them done. ``result``: who would get how many. Kept for some weeks.
    """

    before = models.IntegerField()
    after = models.IntegerField(null=True)
    draft = models.TextField(default="", blank=True)
    name = models.CharField(max_length=200)
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=8, default="waiting")
    total = models.IntegerField(default=0)
    passed = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    result = models.JSONField(default=dict)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"], name="comparison_latest")]


class Difference(WorkspaceRow):
    """A lead that the second policy of a comparison would have sent elsewhere; ``before`` and ``after`` say where each would. Not
    ``elsewhere``: to another rep of the same team.

    No foreign-key constraint on ``lead``: a comparison of yesterday need not keep a lead from being deleted.
    """

    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, db_index=False, related_name="differences")
    lead = models.ForeignKey(Lead, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    nth = models.IntegerField()
    elsewhere = models.BooleanField()
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comparison", "nth"], name="difference_nth")]


class Choice(WorkspaceRow):
    """A claim, and what was on offer to the rep at that moment: worked out afterwards from the log, see ``distribution.choices``.

    ``waited``: seconds that the lead had waited in line. ``seen``: leads in the rep's sight in pools to choose from, the claimed one
    included; ``below`` and ``ties`` of them with a lower score, and with the same (itself included). ``offered``: how many in each of
    ``choices.BANDS`` of score. ``ridit`` = (below + ties / 2) / seen, 0..1; ``variance`` is what it would have had if the rep had chosen
    at random. These are ``None`` for the head of a queue, where there is nothing to choose, and where the sight could not be worked
    out. ``id`` is the decision's.
    """

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False, related_name="+")
    at = models.DateTimeField()
    pool = models.CharField(max_length=100)
    score = models.SmallIntegerField()
    waited = models.IntegerField()
    queue = models.BooleanField(default=False)
    seen = models.IntegerField(null=True)
    below = models.IntegerField(null=True)
    ties = models.IntegerField(null=True)
    offered = ArrayField(models.IntegerField(), null=True)
    ridit = models.FloatField(null=True)
    variance = models.FloatField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"], name="choice_by_time")]


class PoolSample(WorkspaceRow):
    """How a pool stood at one moment: how many waited, how long (seconds), and how many in each band of score."""

    pool = models.CharField(max_length=100)
    at = models.DateTimeField()
    waiting = models.IntegerField()
    oldest = models.IntegerField()
    median = models.IntegerField()
    p90 = models.IntegerField()
    offered = ArrayField(models.IntegerField())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "pool", "at"], name="pool_sample_once")]


class Watched(models.Model):
    """Up to where the log has been read for `Choice`."""

    workspace = models.OneToOneField(
        "people.Workspace", on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    upto = models.DateTimeField(null=True)


class ScoreModel(WorkspaceRow):
    """A model learnt from how leads ended. ``document`` is what `engine.prediction` reads; ``measures`` the comparison with the points on
    a later period that it did not learn from. ``state``: ``waiting``, ``learning``, ``ready``, ``too_little`` or ``failed``.
    """

    number = models.IntegerField()
    state = models.CharField(max_length=10, default="waiting")
    active = models.BooleanField(default=False)
    document = models.JSONField(default=dict)
    measures = models.JSONField(default=dict)
    learnt_from = models.DateTimeField(null=True)
    learnt_until = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(default=now)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="score_model_number_once"),
            models.UniqueConstraint(fields=["workspace"], condition=Q(active=True), name="score_model_one_active"),
        ]
