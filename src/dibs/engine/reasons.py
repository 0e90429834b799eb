"""Every reason code there is, with its parameters' names: what wording and documentation are held to.

A code is stable: it stands in logs for ever. Text is made late, in the reader's language, by ``dibs.delivery.wording``.
Moments are ISO 8601 text in UTC, spans are whole seconds, scores are points 1..100.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Why a lead was placed where it was.
PLACING: Mapping[str, tuple[str, ...]] = {
    # "parts": conditions and answers that gave points; empty where a model says what the score is
    "scored": ("score", "rank", "parts"),
    # "likelihood" 0..1 to convert, as "model" (its number) says; "score": its place, 1..100, among the leads that the model was learnt from.
    # "parts": the facts that moved it most, each {"fact", "value", "effect"}: "value" None is not known, "*" a rare one; "effect" is in
    # log-odds against the average lead, 0.69 doubles the odds
    "predicted": ("model", "likelihood", "score", "parts"),
    "no_domain": (),
    "no_account": ("domain",),
    # "parts": what the score (0..1) is made of, each {"part", "like", "score"}; "through": the one above it whose owner it has
    "matched_account": ("account", "score", "parts", "owner", "through"),
    "in_family": ("parent", "owner"),
    "near_account": ("account", "score", "parts"),
    # of a new customer, as the lead came in or was converted
    "account_made": ("account",),
    "contact_made": (),
    # an import was taken back: what it had said of a lead that was here before is as it was
    "import_undone": ("by",),
    "in_territory": ("territory",),
    # "above": the territory that it is a part of
    "in_territory_of": ("territory", "above"),
    # it has the owner of the "other": its parent's, or one it names
    "owned_as": ("territory", "other"),
    # "before" and "after" None: in none
    "territory_changed": ("before", "after"),
    # "tried": the rules before it, each {"rule", "when", "because"}; because is "false", or "unknown" with the "fact"
    "routed": ("rule", "index", "when", "tried"),
    "no_rule_matched": ("tried",),
    "chosen": ("rep", "team", "by"),
    # the numbers behind the choice: "expected" conversion and the one "drawn" from what results leave possible (0..1), times "strengths"
    # (1 and up), times what "load" leaves of it (0..1), is the "value"; "candidates": the same of all who were weighed, the best
    # first, each with the leads "closed" and "converted" that it comes from
    "best_match": ("rep", "expected", "drawn", "strengths", "load", "value", "candidates"),
    "passed_over": ("rep", "because"),
    "nobody_eligible": ("to",),
    "fell_back": ("to",),
    "pooled": ("pool",),
    "offered": ("rep", "team", "until"),
    "in_review": ("queue",),
    "in_nurture": (),
    # before any rule: on the list of those who must not be contacted; refused consent
    "must_not_contact": (),
    "no_consent": (),
    # whether it is for sales, by the policy's condition
    "ready": ("when",),
    "not_ready": ("when",),
    "retired_by_policy": ("why",),
    # the mails that it gets meanwhile, so many
    "in_sequence": ("sequence", "mails"),
    # "because" is one of NOT_MAILED
    "not_mailed": ("because",),
    "no_policy": (),
}

#: Why a rep could not be given a lead: the values of ``because`` in ``passed_over``.
CAUSES: tuple[str, ...] = (
    "inactive",
    "unavailable",
    "away",
    "holiday",
    "off_hours",
    "busy",
    "open_at_most",
    "per_hour",
    "per_day",
    "per_week",
    "per_month",
    "not_among",
    "declined_before",
)

#: Why a lead gets no mails: the values of ``because`` in ``not_mailed``.
NOT_MAILED: tuple[str, ...] = ("do_not_contact", "refused", "no_consent", "no_address", "no_sequence")

#: What a rep was granted, or refused.
CLAIMING: Mapping[str, tuple[str, ...]] = {
    "claimed": ("rep", "pool", "until", "nth_today"),
    "lock_had_lapsed": ("rep", "at"),
    "mix_waived": ("low", "need", "low_below"),
    "already_claimed": ("by", "until"),
    "not_claimable": ("state",),
    "inactive": (),
    "pool_not_in_sight": ("pool",),
    "tier_sees_none": ("tier",),
    "not_in_your_tier": ("tier", "only"),
    "not_the_head": ("pool",),
    "holding_cap": ("have", "limit"),
    "reclaim_too_soon": ("until",),
    # "per" in seconds: "count" claims were made within it, the oldest of them leaves it at "until"
    "claim_rate": ("count", "per", "until"),
    "mix": ("low", "need", "of", "low_below"),
    "skip_limit": ("have", "limit"),
    "not_yours": ("by",),
    "claim_lapsed": ("at",),
}

#: Why a person's act was refused; written by ``dibs.distribution``.
ACTING: Mapping[str, tuple[str, ...]] = {
    "not_waiting": (),
    "not_now": ("state", "act"),
    "already_ended": ("state", "act"),
    "no_pool": ("pool",),
    # who leads others sees this one as a rep alone
    "not_led": (),
    # on who can be on a lead's team
    "owns_it": ("rep",),
    "nobodys": (),
    # of an appointment
    "is_cancelled": (),
    # of something planned
    "already_done": (),
    "too_busy": (),
    # of reopening: its person has come again since
    "here_again": (),
    # of merging: both are one and the same; it was undone, or decided ("merged" or "apart") before
    "same_lead": (),
    "already_undone": (),
    "already_decided": ("decided",),
    # what was known of its person was erased
    "is_erased": (),
    # "worth" and "under" are amounts with their currency
    "too_big_to_close": ("worth", "under"),
    "closing_not_allowed": (),
    # of opportunities: "ended" is won or lost
    "opportunity_ended": ("ended",),
    "opportunity_open": (),
    "opportunity_outdated": (),
    "opportunity_not_led": (),
}

#: What would make a refusal a yes.
REMEDIES: Mapping[str, tuple[str, ...]] = {
    "choose_another": (),
    "choose_somebody": (),
    "choose_pool": (),
    "ask_manager": (),
    "ask_its_manager": (),
    "accept_the_offer": (),
    "reach_tier": ("tier", "when"),
    "choose_within": ("only",),
    "take_the_head": ("pool",),
    "contact_first": ("count",),
    "wait_until": ("at",),
    "claim_low_score_first": ("count", "low_below"),
    "claim_one_first": (),
    "contact_one_first": (),
    # "per" is day or week, "then" what comes of it otherwise: notify or auto_assign
    "claim_more": ("count", "per", "then"),
    "claim_again": (),
    "try_again": (),
    "publish_policy": (),
    "leave_open": (),
    "reopen_first": (),
    "look_again": (),
}

#: What time did.
TIME: Mapping[str, tuple[str, ...]] = {
    "lock_lapsed": ("rep", "at"),
    "offer_lapsed": ("rep", "at"),
    "back_in_pool": ("pool", "since"),
    "escalated": ("pool", "step", "after"),
    "aged": ("pool", "after"),
    "sla_missed": ("rep", "within"),
    "stale": ("after",),
    # it did not get ready for sales in so many seconds
    "gave_up": ("after",),
    "reassign_limit": ("limit",),
    # "mail" of the sequence, its "step" of "mails"
    "mailed": ("sequence", "mail", "step", "mails"),
    # the last mail of the sequence was answered by nothing
    "sequence_over": ("sequence",),
    # the policy has the sequence no more
    "sequence_gone": ("sequence",),
    # its person wrote or rang while it was in the sequence
    "answered_mails": ("sequence",),
    "pool_gone": ("pool",),
    # a rep's first contact on the lead is due at "at"; or they will have left it alone for too long then
    "sla_near": ("lead", "rep", "at"),
    "idle_near": ("lead", "rep", "at"),
    # left alone for so many seconds, working time where the policy says so
    "idle": ("rep", "after"),
    # it was due to be taken off the rep to whom a manager gave it, and was not
    "kept_by_hand": ("lead", "rep"),
    # somebody of the team that it was to go to can be given it now; it has waited since
    "freed": ("team", "since"),
    # by name, whatever their hours and caps
    "given_to": ("rep",),
    # "per" is day or week; "count" what was expected, days off and time off taken off
    "claim_floor": ("rep", "have", "count", "per"),
}

#: What became of a rep's own standing: tiers, the claim floor, credits. Rates are 0..1, "over" the window in seconds.
STANDING: Mapping[str, tuple[str, ...]] = {
    "tier_set": ("tier", "closed", "conversion_rate", "over"),
    # "up": whether to one further up the list; "when": the condition that held for so many "days", or of the tier left, if it did not.
    # "before" and "after" are empty for no tier at all
    "tier_changed": ("before", "after", "up", "closed", "conversion_rate", "over", "days", "when"),
    "below_floor": ("have", "count", "per", "missing"),
    # the same, to who leads the rep
    "rep_below_floor": ("rep", "have", "count", "per", "missing"),
    # so many locks and offers in a row ran out unused; the same to who leads the rep
    "taken_for_away": ("count",),
    "rep_taken_for_away": ("rep", "count"),
    # "what" is claim or convert; "times" the weight that counted, 1 without any
    "credited": ("what", "points", "times"),
}

#: What a policy that was announced will change. "before" and "after" as the policy writes them, nothing for no rule; "at": when.
ANNOUNCING: Mapping[str, tuple[str, ...]] = {
    "rule_tightens": ("rule", "before", "after", "at"),
    "rule_loosens": ("rule", "before", "after", "at"),
    # What was to change "at" that moment will not.
    "announcement_cancelled": ("at",),
}

#: What people and programs did; written by ``dibs.distribution``. "why" is one of the fixed reasons or the person's own words.
ACTS: Mapping[str, tuple[str, ...]] = {
    "enriched": ("fields",),
    # all open leads were, as a model was switched on; "model" None: it was switched off
    "rescored": ("model",),
    # "questions": the standard questions by their names
    "answered": ("by", "questions"),
    # to who had it: it became ready for sales, and went on; "lead" is an id
    "lead_qualified": ("lead",),
    "nurtured_by": ("by", "why"),
    "reopened": ("by", "why"),
    "skipped": (),
    "opened": (),
    "accepted": (),
    "rejected": ("why",),
    "released": ("why",),
    # "outcome" of a call or message, where one was said
    "contacted": ("kind", "note", "outcome"),
    # when its rep, whoever that is then, means to look at it again
    "follow_up_set": ("at",),
    "follow_up_cleared": (),
    # "score" 0..100; "verdict" is pursue, follow_up, hand_over or retire
    "assessed": ("template", "score", "verdict"),
    # where it goes, as that says
    "as_assessed": ("template", "verdict"),
    "assigned_by": ("rep", "by", "why"),
    "returned": ("pool", "by", "why"),
    "converted": ("amount", "currency", "note", "opportunity"),
    "retired": ("why", "note"),
    # of people who came again; "touch" is a kind of touch, "at" when
    "touched": ("touch", "count", "at"),
    "came_again": ("lead", "count"),
    # two leads of one person, made one and taken apart again; "into" and "lead" are ids
    "merged": ("into", "by"),
    "merged_with": ("lead", "by"),
    "unmerged": ("by",),
    # its person is on the list of those who must not be contacted, "how" is one of `dibs.crm.do_not_contact.WHYS`; and is so no more
    "refused_contact": ("how",),
    "allowed_contact": (),
    # the same to who has the lead
    "lead_refused": ("lead",),
    "belongs_to": ("account", "by"),
    "belongs_no_more": ("account", "by"),
    "helper_added": ("rep", "by"),
    "helper_removed": ("rep", "by"),
    # what the person of a lead agreed to, and took back again
    "consent_given": ("by",),
    "consent_withdrawn": ("by",),
    # "why": asked, ended or open (kept as long as the policy says, since it ended or was last heard of)
    "erased": ("why",),
}

#: What was written down of a lead beside what was decided, told as a part of its story. "at": when the appointment is.
WORK: Mapping[str, tuple[str, ...]] = {
    "noted": ("by", "note"),
    "activity_done": ("by", "kind", "outcome", "note"),
    "appointment_made": ("by", "title", "at"),
    "appointment_cancelled": ("by", "title", "at"),
    "was_sent": ("title", "campaign"),
    # what somebody planned is due now; "lead" is an id
    "follow_up_due": ("lead", "at"),
    "activity_due": ("lead", "kind", "at"),
}

#: What became of the opportunity that a lead was converted to; written by ``dibs.distribution``. Stages as the policy calls them.
DEALS: Mapping[str, tuple[str, ...]] = {
    "opportunity_moved": ("stage_before", "stage"),
    "opportunity_changed": ("fields",),
    "opportunity_handed": ("rep", "by"),
    "opportunity_won": ("amount", "currency"),
    "opportunity_lost": ("why",),
    "opportunity_reopened": ("stage",),
    "customer_won": ("account",),
}

#: Why many leads were moved at once, who was told of it, and why one of them was not; written by ``dibs.distribution``.
MOVING: Mapping[str, tuple[str, ...]] = {
    "moved_by": ("by", "why"),
    "on_leave": ("rep", "by", "why"),
    "has_left": ("rep", "by", "why"),
    "border_moved": ("by", "why"),
    "move_undone": ("by",),
    "leads_moved_in": ("count", "by", "why"),
    "leads_moved_out": ("count", "by", "why"),
    "stays": (),
    "changed_since": (),
    "by_hand": (),
    "gone": (),
    "failed": (),
    # it had not been moved yet when the move was undone
    "undone": (),
}

#: What a rep is told of their availability; written by ``dibs.distribution``.
AVAILABILITY: Mapping[str, tuple[str, ...]] = {
    "switched_away": ("by",),
    "switched_back": ("by",),
    # "problem": what keeps the calendar at this host from being read
    "calendar_failing": ("host", "since", "problem"),
}

CODES: Mapping[str, tuple[str, ...]] = {
    **PLACING,
    **CLAIMING,
    **ACTING,
    **REMEDIES,
    **TIME,
    **STANDING,
    **ANNOUNCING,
    **ACTS,
    **WORK,
    **DEALS,
    **MOVING,
    **AVAILABILITY,
}
