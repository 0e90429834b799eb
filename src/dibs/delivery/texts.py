"""What each reason is called: the English text of every code, and of the words that stand in for values.

Texts are templates over a reason's parameters; the catalogues in ``dibs/locale`` hold them in the other languages.
`dibs.delivery.wording` fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

TEXTS: Mapping[str, str] = {
    # Why a lead was placed where it was.
    "scored": _("Scored {score}, {rank}"),
    "predicted": _("{likelihood} likely to convert, says model {model}"),
    "no_domain": _("No company domain to find an account by"),
    "no_account": _("No account with the domain {domain}"),
    "matched_account": _("Belongs to the account {account}"),
    "here_again": _("Its person has come again since, and has another lead that is open"),
    "same_lead": _("That is one lead and not two"),
    "already_undone": _("It was undone before"),
    "already_decided": _("It was decided before: {decided}"),
    "in_family": _("It is of the family of {parent}, whose rep is {owner}"),
    "account_made": _("A new customer: the account {account} was made"),
    "import_undone": _("An import was taken back by {by}"),
    "contact_made": _("A new contact was made of the person"),
    "near_account": _("It may belong to the account {account}: a person decides"),
    "in_territory": _("In the territory {territory}"),
    "in_territory_of": _("In the territory {territory}, a part of {above}"),
    "owned_as": _("{territory} has the owner of {other}"),
    "territory_changed": _("It lies in the territory {after} now, and lay in {before}"),
    "routed": _("“{rule}” was the first rule that matched"),
    "no_rule_matched": _("No rule matched"),
    "passed_over": _("{rep} was passed over: {because}"),
    "best_match": _(
        "{rep} is expected to convert {expected} of such leads: drawn {drawn}, times {strengths} for strengths, times {load} for load, is {value}"
    ),
    "nobody_eligible": _("Nobody in {to} could take it"),
    "fell_back": _("So it went on to {to}"),
    "pooled": _("Went to the pool {pool}"),
    "offered": _("Offered to {rep}, to accept by {until}"),
    "in_review": _("Put before the managers: {queue}"),
    "in_nurture": _("Kept away from sales for now"),
    "must_not_contact": _("The person must not be contacted"),
    "no_consent": _("The person refused to be contacted"),
    "ready": _("Ready for sales, as this holds: {when}"),
    "not_ready": _("Not ready for sales yet, for which this is needed: {when}"),
    "retired_by_policy": _("The policy gave it up: {why}"),
    "in_sequence": _("Meanwhile it gets the mails of {sequence}: {mails}"),
    "not_mailed": _("It gets no mails: {because}"),
    "no_policy": _("No policy is published yet"),
    # What a rep was granted, or refused.
    "claimed": _("{rep} claimed it from {pool}, to contact by {until}"),
    "lock_had_lapsed": _("{rep} had it until {at}, without contact"),
    "mix_waived": _("No lead with a score under {low_below} was waiting, so the low-score rule was waived"),
    "already_claimed": _("{by} took it"),
    "not_claimable": _("It cannot be claimed: it is {state}"),
    "inactive": _("You are not active as a rep"),
    "pool_not_in_sight": _("The pool {pool} is not open to you"),
    "tier_sees_none": _("Reps of the tier {tier} get their leads without choosing"),
    "not_in_your_tier": _("The tier {tier} takes other leads: {only}"),
    "not_the_head": _("In {pool}, whoever is first in line is taken first"),
    "reclaim_too_soon": _("You had this lead and its time ran out. It is open to you again at {until}"),
    "mix": _("{low} of {of} claims, with this one, would be low-score ones; {need} are needed"),
    "opened": _("Looked at in detail"),
    "not_yours": _("{by} has it"),
    "claim_lapsed": _("Your time for it ran out at {at}"),
    # Why a person's act was refused.
    "not_waiting": _("It is not waiting any more"),
    "not_now": _("That cannot be done with a lead that is {state}"),
    "already_ended": _("It is over with this lead: it is {state}"),
    "no_pool": _("The pool it was in, {pool}, is no longer in the policy"),
    "not_led": _("You see this lead as a rep; it is not among those you lead"),
    "owns_it": _("{rep} has this lead, and so is on its team already"),
    "nobodys": _("Nobody has this lead, so it has no team"),
    "is_cancelled": _("This appointment was cancelled"),
    "already_done": _("This is done already"),
    "too_busy": _("Too many people are at it right now"),
    "is_erased": _("What was known of its person was erased"),
    "too_big_to_close": _("Only what is worth less than {under} can be closed on the spot; this is worth {worth}"),
    "closing_not_allowed": _("The policy has nothing closed on the spot"),
    "opportunity_ended": _("The opportunity is {ended}"),
    "opportunity_open": _("The opportunity is open"),
    "opportunity_outdated": _("Somebody changed the opportunity meanwhile"),
    "opportunity_not_led": _("Only who leads its rep hands an opportunity over"),
    # What would make a refusal a yes.
    "choose_another": _("Choose another lead."),
    "choose_somebody": _("Choose somebody else."),
    "choose_pool": _("Choose a pool for it."),
    "ask_manager": _("Ask your manager."),
    "ask_its_manager": _("Ask who leads its team, or do what any rep may."),
    "accept_the_offer": _("It is offered to you: accept it first."),
    "reach_tier": _("Reach the tier {tier}: {when}."),
    "choose_within": _("Choose a lead like this: {only}."),
    "take_the_head": _("Take the first one in {pool}."),
    "wait_until": _("Wait until {at}."),
    "claim_one_first": _("Claim one first."),
    "contact_one_first": _("Contact a lead of yours first: a claim alone is not enough any more."),
    "claim_again": _("Claim it again."),
    "try_again": _("Try again in a moment."),
    "publish_policy": _("Publish a policy first."),
    "leave_open": _("Convert it without closing it: it can be won on its own page."),
    "reopen_first": _("Reopen it first."),
    "look_again": _("Look at it as it is now, then decide again."),
    # What time did.
    "lock_lapsed": _("{rep} had it until {at}, without contact"),
    "offer_lapsed": _("{rep} had until {at} to accept it"),
    "back_in_pool": _("Back in {pool}, in its old place in line"),
    "escalated": _("Waited {after} in {pool} without being taken"),
    "aged": _("Waited {after} in {pool}, the longest allowed"),
    "sla_missed": _("{rep} made no contact within {within}"),
    "gave_up": _("Not ready for sales after {after}"),
    "stale": _("Nothing happened for {after}"),
    "mailed": _("Mail {step} of {mails} of {sequence}: {mail}"),
    "sequence_over": _("It got all the mails of {sequence}"),
    "sequence_gone": _("The mails it was getting, {sequence}, are no longer in the policy"),
    "answered_mails": _("Its person wrote or rang while it was getting the mails of {sequence}"),
    "pool_gone": _("The pool {pool} is no longer in the policy"),
    "sla_near": _("{rep} has to make the first contact by {at}"),
    "idle_near": _("{rep} has left it alone; at {at} it goes to somebody else"),
    "idle": _("{rep} left it alone for {after}"),
    "kept_by_hand": _("A manager gave it to {rep}, so it stays there"),
    "freed": _("Somebody of {team} can take it now; it had waited since {since}"),
    "given_to": _("Given to {rep} by name"),
    "claim_floor": _("{rep} had made {have} of the {count} claims expected {per}, so it was assigned"),
    # What became of a rep's standing.
    "tier_set": _("In the tier {tier}. Closed in {over}: {closed}, converted: {conversion_rate}"),
    "tier_changed": _(
        "From {before} to {after}. For {days} this did not hold: {when}. Closed in {over}: {closed}, converted: {conversion_rate}"
    ),
    # What a policy that was announced changes.
    "rule_tightens": _("Tighter from {at}. {rule}: {after} instead of {before}"),
    "rule_loosens": _("Looser from {at}. {rule}: {after} instead of {before}"),
    "announcement_cancelled": _("The rules stay as they are: what was to change at {at} will not"),
    # What people and programs did.
    "enriched": _("New facts: {fields}"),
    "rescored": _("Scored anew: model {model} was switched on"),
    "merged": _("{by} merged it into another lead of the same person"),
    "merged_with": _("{by} merged another lead of the same person into it"),
    "unmerged": _("{by} took it apart again: it is a lead of its own"),
    "refused_contact": _("Its person must not be contacted: {how}"),
    "allowed_contact": _("Its person may be contacted again"),
    "lead_refused": _("The person of a lead of yours must not be contacted any more"),
    "belongs_to": _("{by} said that it belongs to the account {account}"),
    "belongs_no_more": _("{by} said that it does not belong to the account {account}"),
    "answered": _("{by} answered: {questions}"),
    "lead_qualified": _("A lead of yours became ready for sales, and went on to them"),
    "nurtured_by": _("{by} took it away from sales for now: {why}"),
    "reopened": _("{by} reopened it: {why}"),
    "skipped": _("Looked at and passed by"),
    "accepted": _("Accepted"),
    "rejected": _("Declined: {why}"),
    "released": _("Given back: {why}"),
    "contacted": _("Contact: {kind}, {outcome}"),
    "follow_up_set": _("To be looked at again: {at}"),
    "follow_up_cleared": _("Not to be looked at again at a set time any more"),
    # What was written down of a lead.
    "noted": _("Note by {by}"),
    "activity_done": _("{by}: {kind}, {outcome}"),
    "appointment_made": _("{by} made an appointment, {title}, for {at}"),
    "appointment_cancelled": _("{by} cancelled the appointment {title} of {at}"),
    "was_sent": _("{title} was sent to them, campaign {campaign}"),
    "follow_up_due": _("You wanted to look at this lead again at {at}"),
    "activity_due": _("You planned this for {at}: {kind}"),
    "assigned_by": _("{by} gave it to {rep}: {why}"),
    "returned": _("{by} sent it back to {pool}: {why}"),
    "converted": _("Became an opportunity worth {amount}"),
    "opportunity_moved": _("The opportunity went from {stage_before} to {stage}"),
    "opportunity_changed": _("The opportunity was changed: {fields}"),
    "opportunity_handed": _("{by} handed the opportunity to {rep}"),
    "opportunity_won": _("The opportunity was won: {amount}"),
    "opportunity_lost": _("The opportunity was lost: {why}"),
    "opportunity_reopened": _("The opportunity was reopened, in {stage}"),
    "customer_won": _("{account} is a customer now"),
    "retired": _("Given up: {why}"),
    "assessed": _("Assessed by {template}: {score} of 100, {verdict}"),
    "as_assessed": _("It goes on as the assessment by {template} says"),
    "helper_added": _("{rep} is on its team now, to see it and help"),
    "helper_removed": _("{rep} is no longer on its team"),
    "erased": _("What was known of the person was erased"),
    "consent_given": _("{by} wrote down that the person agreed to be contacted"),
    "consent_withdrawn": _("{by} wrote down that the person must not be contacted any more"),
    # What a rep is told of their availability.
    "switched_away": _("{by} set you to not available: no leads are given to you until you are set back"),
    "switched_back": _("{by} set you to available: leads can be given to you again"),
    "calendar_failing": _(
        "Your calendar at {host} can't be read since {since}: {problem}. What it said last still holds"
    ),
    # Why many leads were moved at once.
    "moved_by": _("{by} moved it along with others: {why}"),
    "on_leave": _("{rep} is going on leave: {why}"),
    "has_left": _("{rep} is leaving: {why}"),
    "border_moved": _("The borders of the territories have moved: {why}"),
    "move_undone": _("{by} undid the move: it is back where it was"),
    "stays": _("It stays where it is"),
    "changed_since": _("It has changed hands since, so it was left alone"),
    "by_hand": _("A manager gave it to its owner, so it stays there"),
    "gone": _("There is no such lead any more"),
    "failed": _("No place could be worked out for it"),
    "undone": _("The move was undone before its turn came"),
}

#: Points for what counts once.
CREDITED_ONCE = ngettext_lazy("{points} point for {what}", "{points} points for {what}")

#: What to say instead where a parameter has no value, as (code, parameter).
WITHOUT: Mapping[tuple[str, str], str] = {
    ("claimed", "until"): _("{rep} claimed it from {pool}"),
    ("best_match", "value"): _("{rep} came first by past results, strengths and load"),
    ("already_claimed", "by"): _("Somebody else took it"),
    ("not_yours", "by"): _("It is not yours"),
    ("claim_lapsed", "at"): _("Your claim is no longer good"),
    ("no_pool", "pool"): _("It was in no pool before"),
    ("rejected", "why"): _("Declined"),
    ("nurtured_by", "why"): _("{by} took it away from sales for now"),
    ("reopened", "why"): _("{by} reopened it"),
    ("contacted", "outcome"): _("Contact: {kind}"),
    ("activity_done", "outcome"): _("{by}: {kind}"),
    ("was_sent", "campaign"): _("{title} was sent to them"),
    ("released", "why"): _("Given back"),
    ("assigned_by", "why"): _("{by} gave it to {rep}"),
    ("returned", "why"): _("{by} sent it back to {pool}"),
    ("moved_by", "why"): _("{by} moved it along with others"),
    ("on_leave", "why"): _("{rep} is going on leave"),
    ("has_left", "why"): _("{rep} is leaving"),
    ("border_moved", "why"): _("The borders of the territories have moved"),
    ("converted", "amount"): _("Became an opportunity"),
    ("rescored", "model"): _("Scored anew: the model was switched off"),
    ("opportunity_won", "amount"): _("The opportunity was won"),
    ("opportunity_lost", "why"): _("The opportunity was lost"),
    ("too_big_to_close", "worth"): _(
        "Only what is worth less than {under} can be closed on the spot; what this is worth is not said"
    ),
    ("territory_changed", "before"): _("It lies in the territory {after} now"),
    ("territory_changed", "after"): _("It lies in no territory now, and lay in {before}"),
}

#: Reasons whose parameters are all territories.
BETWEEN_TERRITORIES = frozenset({"in_territory_of", "owned_as", "territory_changed"})

#: ``chosen``, by the way of choosing.
CHOSEN: Mapping[str, str] = {
    "round_robin": _("{rep} was next in line in {team}"),
    "weighted_round_robin": _("{rep} was next in line in {team}"),
    "least_open": _("{rep} had the fewest open leads in {team}"),
    "best_match": _("{rep} was the best match in {team}"),
    "first_available": _("{rep} had gone longest without a lead in {team}"),
    "account.owner": _("{rep} owns the account"),
    "territory.owner": _("{rep} owns the territory"),
}

#: ``tier_changed`` on the way up, and where the tier left asks for nothing.
TIER_UP = _(
    "Up from {before} to {after}. For {days} this has held: {when}. Closed in {over}: {closed}, converted: {conversion_rate}"
)
TIER_MOVED = _("From {before} to {after}. Closed in {over}: {closed}, converted: {conversion_rate}")
#: A rep whom no tier fits is in this one.
NO_TIER = _("no tier")

#: ``rule_tightens`` where a pool goes away.
POOL_GOES = _("From {at} the pool {pool} is no more")

#: ``claim_more``, by what it is counted over and what comes of a shortfall.
CLAIM_MORE: Mapping[tuple[str, str], object] = {
    ("day", "notify"): ngettext_lazy("Claim one more today.", "Claim {count} more today."),
    ("week", "notify"): ngettext_lazy("Claim one more this week.", "Claim {count} more this week."),
    ("day", "auto_assign"): ngettext_lazy(
        "Claim one more today, or the oldest waiting is given to you.",
        "Claim {count} more today, or the oldest waiting are given to you.",
    ),
    ("week", "auto_assign"): ngettext_lazy(
        "Claim one more this week, or the oldest waiting is given to you.",
        "Claim {count} more this week, or the oldest waiting are given to you.",
    ),
}

#: ``in_review`` where the policy names no team: every manager's.
ANY_MANAGER = _("Put before the managers")

#: ``nobody_eligible`` where the push was to an owner.
NO_OWNER: Mapping[str, str] = {
    "account.owner": _("The owner of the account could not take it"),
    "territory.owner": _("The owner of the territory could not take it"),
}

#: Texts that depend on a number: the parameter that counts, and the text for one and for many.
COUNTED: Mapping[str, tuple[str, object]] = {
    "touched": (
        "count",
        ngettext_lazy("The person came again: {touch}", "The person came again: {touch} ({count})"),
    ),
    "taken_for_away": (
        "count",
        ngettext_lazy(
            "You were switched to away: a lead ran out unused. Switch back when you are there",
            "You were switched to away: {count} leads in a row ran out unused. Switch back when you are there",
        ),
    ),
    "rep_taken_for_away": (
        "count",
        ngettext_lazy(
            "{rep} was switched to away: a lead ran out unused",
            "{rep} was switched to away: {count} leads in a row ran out unused",
        ),
    ),
    "came_again": (
        "count",
        ngettext_lazy(
            "The person of a lead of yours came again", "The person of a lead of yours came again, {count} times"
        ),
    ),
    "holding_cap": (
        "have",
        ngettext_lazy(
            "You hold {have} lead without contact, and {limit} is the most allowed",
            "You hold {have} leads without contact, and {limit} is the most allowed",
        ),
    ),
    "skip_limit": (
        "have",
        ngettext_lazy(
            "You have passed by {have} lead since your last claim, and {limit} is the most allowed",
            "You have passed by {have} leads since your last claim, and {limit} is the most allowed",
        ),
    ),
    "claim_rate": (
        "count",
        ngettext_lazy(
            "You claimed {count} lead within {per}, and that is the most allowed in that time",
            "You claimed {count} leads within {per}, and that is the most allowed in that time",
        ),
    ),
    "below_floor": (
        "missing",
        ngettext_lazy(
            "{have} of the {count} claims expected {per}: {missing} is missing",
            "{have} of the {count} claims expected {per}: {missing} are missing",
        ),
    ),
    "rep_below_floor": (
        "missing",
        ngettext_lazy(
            "{rep} has made {have} of the {count} claims expected {per}: {missing} is missing",
            "{rep} has made {have} of the {count} claims expected {per}: {missing} are missing",
        ),
    ),
    "leads_moved_in": (
        "count",
        ngettext_lazy("{by} moved a lead to you", "{by} moved {count} leads to you"),
    ),
    "leads_moved_out": (
        "count",
        ngettext_lazy("{by} moved a lead of yours to others", "{by} moved {count} leads of yours to others"),
    ),
    "contact_first": (
        "count",
        ngettext_lazy("Contact one of your leads first.", "Contact {count} of your leads first."),
    ),
    "claim_low_score_first": (
        "count",
        ngettext_lazy(
            "Claim a lead with a score under {low_below} first.",
            "Claim {count} leads with a score under {low_below} first.",
        ),
    ),
    "reassign_limit": (
        "limit",
        ngettext_lazy(
            "It had been passed on once, and that is the most allowed",
            "It had been passed on {limit} times, and that is the most allowed",
        ),
    ),
    "credited": (
        "points",
        ngettext_lazy(
            "{points} point for {what}, counted {times} times", "{points} points for {what}, counted {times} times"
        ),
    ),
}
