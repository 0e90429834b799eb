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
    note = models.CharField(max_length=500, default="", blank=True)
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="policy_number_once"),
            # Two people publishing at once: one active policy, whoever wins.
            models.UniqueConstraint(fields=["workspace"], condition=Q(active=True), name="policy_one_active"),
        ]


class Rotation(WorkspaceRow):
    """A rep's place in a team's rotation. ``passed`` is the stride scheduler's pass: the eligible rep with the smallest is next."""

    key = models.CharField(max_length=100)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE)
    passed = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key", "rep"], name="rotation_rep_once")]


class Standing(models.Model):
    """A rep's fair-play counters; see ``engine.fairplay.Standing`` for what each means and how it moves."""

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
    lapses = models.IntegerField(default=0)
    last_claim_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=0)


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

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "lead", "nth"], name="decision_story"),
            models.Index(fields=["workspace", "at"], name="decision_by_time"),
        ]


class PassedOver(WorkspaceRow):
    """A rep let this lead lapse or declined it: not pushed to them again, and not theirs to claim again at once."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, db_index=False)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "lead", "rep", "-at"], name="passed_over_who")]
