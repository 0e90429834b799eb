"""What values, fields and rules are called: the words that stand in the texts of reasons, and on pages, in place of what logs hold.

`dibs.delivery.texts` has the texts themselves, the catalogues in ``dibs/locale`` both in the other languages.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _
from django.utils.translation import npgettext_lazy

#: What can be wrong with what is written down about a rep, see `dibs.people.particulars`.
UNFIT: Mapping[str, str] = {
    "needed": _("It can't be empty"),
    "unknown_timezone": _("There is no such time zone; they are called like Asia/Tokyo"),
    "unknown_country": _("The public holidays of this country are not known; countries are two letters, like JP"),
    "unknown_region": _("This country's holidays know no such region"),
    "bad_hours": _("Hours go from one time to another, on one day of the week at least"),
    "bad_language": _("Languages are written like en, ja or pt-BR"),
    "too_many": _("That is too many"),
    "too_long": _("That is too long"),
    "out_of_range": _("It goes from 1 to 5"),
    "unknown_team": _("There is no such team"),
    "not_your_team": _("You lead no such team"),
    "no_length": _("It has to end after it begins"),
    "over": _("It is over already"),
    "bad_address": _("A calendar's address begins with https://, http:// or webcal:// and has no user's name in it"),
}

#: Values that stand for themselves in logs and have a word of their own for people, by parameter.
WORDS: Mapping[str, Mapping[str, str]] = {
    "cap": {
        "open_at_most": _("open leads"),
        "per_hour": _("leads an hour"),
        "per_day": _("leads a day"),
        "per_week": _("leads a week"),
        "per_month": _("leads a month"),
    },
    "problem": {
        "bad_address": _("it points to something that is no web address"),
        "private_address": _("it is not on the public internet"),
        "no_answer": _("it does not answer"),
        "bad_certificate": _("its certificate is not good"),
        "not_there": _("there is nothing at the address, or it is not open to us"),
        "http_error": _("it answers with an error"),
        "redirects": _("it sends us on and on"),
        "too_large": _("it is larger than 5 MB"),
        "not_a_calendar": _("what it sends is no calendar"),
        "too_much": _("there is too much in it"),
    },
    "rank": {"hot": _("hot"), "warm": _("warm"), "cool": _("cool")},
    "state": {
        "new": _("new"),
        "pooled": _("waiting in a pool"),
        "offered": _("offered to a rep"),
        "owned": _("with a rep"),
        "review": _("in review"),
        "nurture": _("not ready for sales"),
        "working": _("being worked on"),
        "converted": _("converted"),
        "retired": _("retired"),
        "merged": _("merged into another"),
    },
    "because": {
        "inactive": _("not active"),
        "unavailable": _("not available just now"),
        "away": _("away"),
        "holiday": _("on a public holiday"),
        "off_hours": _("outside working hours"),
        "busy": _("in an appointment"),
        "open_at_most": _("has as many open leads as allowed"),
        "per_hour": _("has had as many leads as may come in an hour"),
        "per_day": _("has had the day's share"),
        "per_week": _("has had the week's share"),
        "per_month": _("has had the month's share"),
        "not_among": _("not one of those whom it is for"),
        "declined_before": _("had this lead before"),
        "do_not_contact": _("its person must not be contacted"),
        "refused": _("its person refused consent"),
        "no_consent": _("its person did not consent"),
        "no_address": _("there is no address to write to"),
        "no_sequence": _("no sequence of mails is for it"),
    },
    "per": {"day": _("a day"), "week": _("a week")},
    "what": {"claim": _("a claim that was contacted"), "convert": _("a conversion")},
    "mode": {
        "queue": _("the first in line"),
        "pool": _("any, from a preview"),
        "cherry_pick": _("any, with everything in sight"),
    },
    "sees": {"full": _("everything"), "preview": _("a preview"), "none": _("nothing")},
    "ended": {"open": _("open"), "won": _("won"), "lost": _("lost")},
    "how": {
        "asked": _("they asked for that"),
        "unsubscribed": _("they unsubscribed"),
        "erased": _("what was known of them was erased"),
        "list": _("they were on a list that was brought in"),
        "bounced": _("mail to them comes back"),
    },
    "decided": {"merged": _("the same"), "apart": _("not the same")},
    "verdict": {
        "pursue": _("to be pursued"),
        "follow_up": _("to be followed up"),
        "hand_over": _("to be handed over"),
        "retire": _("to be given up"),
    },
    "touch": {
        "form": _("another message"),
        "visit": _("a visit"),
        "page": _("pages looked at"),
        "open": _("mails opened"),
        "click": _("links followed"),
        "call": _("a call"),
        "mail": _("a mail"),
        "meeting": _("a meeting"),
        "other": _("something else"),
    },
    "kind": {
        "call": _("call"),
        "mail": _("mail"),
        "meeting": _("meeting"),
        "message": _("message"),
        "task": _("task"),
        "other": _("something else"),
    },
    "outcome": {
        "reached": _("reached"),
        "no_answer": _("no answer"),
        "left_message": _("left a message"),
        "wrong_number": _("wrong number"),
    },
    "why": {
        "no_interest": _("no interest"),
        "not_a_fit": _("not a fit"),
        "cannot_verify": _("cannot be verified"),
        "duplicate": _("duplicate"),
        "no_answer": _("no answer"),
        "no_budget": _("no budget"),
        "bad_timing": _("not the right time"),
        "chose_other": _("chose somebody else"),
        "unqualified": _("did not get ready"),
        "do_not_contact": _("must not be contacted"),
        "spam": _("spam"),
        "other": _("another reason"),
    },
}

#: The rules that a policy can tighten or loosen, as people call them: by path, "*" for a pool's, team's or tier's name.
RULES: Mapping[str, str] = {
    "teams.*.open_at_most": _("Open leads with which a rep of {name} is still given more, under"),
    "teams.*.per_hour": _("Leads that a rep of {name} is given an hour, at most"),
    "teams.*.per_day": _("Leads that a rep of {name} is given a day, at most"),
    "teams.*.per_week": _("Leads that a rep of {name} is given a week, at most"),
    "teams.*.per_month": _("Leads that a rep of {name} is given a month, at most"),
    "teams.*.reps": _("Leads that single reps of {name} are given, at most"),
    "availability.away_after": _("Leads in a row that run out before a rep is taken for away"),
    "sla": _("Time for first contact"),
    "idle": _("How long a lead may be left alone"),
    "territories.*": _("The territory {name}"),
    "fair_play.hold_at_most": _("Leads in hand, at most"),
    "fair_play.claim_at_least": _("Claims expected"),
    "fair_play.claim_rate": _("Claims in a short time, at most"),
    "fair_play.mix": _("Low-score leads among the claims"),
    "fair_play.skip_at_most": _("Leads passed by between two claims, at most"),
    "fair_play.notice": _("Notice before a rule tightens"),
    "pools.*": _("The pool {name}"),
    "pools.*.mode": _("What can be taken from {name}"),
    "pools.*.teams": _("Who can take from {name}"),
    "pools.*.preview": _("What is shown of leads in {name}"),
    "pools.*.lock": _("Time for first contact, from {name}"),
    "pools.*.reclaim_after": _("Wait to take the same lead again, from {name}"),
    "pools.*.order": _("Order of the leads in {name}"),
    "pools.*.escalate": _("Who gets leads that nobody takes from {name}"),
    "pools.*.assign_after": _("How long a lead waits in {name}, at most"),
    "tiers": _("The tiers"),
    "tiers.*.when": _("Who is in the tier {name}"),
    "tiers.*.sees": _("What the tier {name} sees of waiting leads"),
    "tiers.*.only": _("Which leads the tier {name} sees"),
    "tiering.over": _("Time that tiers are counted over"),
    "tiering.confirm": _("Days in a row before a tier changes"),
    "credits.claim": _("Points for the first contact on a claimed lead"),
    "credits.convert": _("Points for a lead that is converted"),
    "credits.weights": _("Leads whose points count for more or less"),
}
#: What a rule's value is called where there is none, by path.
NO_RULE: Mapping[str, str] = {
    "fair_play.claim_at_least": _("none"),
    "fair_play.mix": _("none needed"),
    "fair_play.notice": _("none"),
    "pools.*.teams": _("everybody"),
    "pools.*.reclaim_after": _("none"),
    "pools.*.escalate": _("nobody"),
    "sla": _("none"),
    "idle": _("as long as they like"),
    "territories.*": _("none"),
    "tiers": _("none"),
    "tiers.*.when": _("everybody else"),
    "tiers.*.only": _("all"),
    "credits.claim": _("none"),
    "credits.convert": _("none"),
    "credits.weights": _("none"),
}
NO_LIMIT = _("no limit")
#: What a rule of several parts says in short.
FLOOR = _("{count} {per}")
FLOOR_FILLED = _("{count} {per}, and what is missing {ahead} before the end is assigned")
RATE = _("{count} within {per}")
MIX_SHARE = _("{share} of the last {over} under {low_below}")
MIX_PER_HIGH = _("{per_high} under {low_below} for each higher one")
WEIGHT = _("{which}: {times} times")
#: A time within which something must be done about leads, and about which.
IN_TIME = _("{which}: {after}")
#: The caps of a single rep.
CAPS: Mapping[str, str] = {
    "open_at_most": _("{count} open"),
    "per_hour": _("{count} an hour"),
    "per_day": _("{count} a day"),
    "per_week": _("{count} a week"),
    "per_month": _("{count} a month"),
}
#: An escalation step, by whom the lead goes to: a team, an owner, or the managers of all teams or one.
STEPS: Mapping[str, str] = {
    "team": _("after {after} {name}"),
    "account.owner": _("after {after} the owner of its account"),
    "territory.owner": _("after {after} the owner of its territory"),
    "managers": _("after {after} any manager"),
    "review": _("after {after} the managers of {name}"),
}

#: The stages of opportunities where a policy names none of its own, as people call them.
STAGES: Mapping[str, str] = {
    "qualified": _("Qualified"),
    "proposal": _("Proposal"),
    "negotiation": _("Negotiation"),
}

#: The fields of a lead as people call them.
FIELDS: Mapping[str, str] = {
    "touches": _("Times they came"),
    "pages": _("Pages looked at"),
    "mails_opened": _("Mails opened"),
    "last_touch_at": _("Came last"),
    "source": _("Source"),
    "external_id": _("Id at the source"),
    "received_at": _("Came in"),
    "name": _("Name"),
    "title": _("Job title"),
    "email": _("E-mail"),
    "phone": _("Phone"),
    "company": _("Company"),
    "domain": _("Domain"),
    "industry": _("Industry"),
    "employees": _("Employees"),
    "country": _("Country"),
    "region": _("Region"),
    "city": _("City"),
    "postal_code": _("Postal code"),
    "language": _("Language"),
    "product": _("Product"),
    "use_case": _("Use case"),
    "deal_value": _("Deal value"),
    "currency": _("Currency"),
    "message": _("Message"),
    "consent": _("Consent"),
    "do_not_contact": _("Must not be contacted"),
    "campaign": _("Campaign"),
    "assessment": _("Score of the assessment"),
    "assessed": _("Outcome of the assessment"),
    "attributes": _("Other facts"),
    "score": _("Score"),
    "rank": _("Rank"),
    "territory": _("Territory"),
    "account": _("Account"),
    "waiting_since": _("Waiting since"),
    "pool": _("Pool"),
    "amount": _("Amount"),
    "close_on": _("Expected to close"),
    "account.owner": _("Owner of the account"),
    "account.name": _("Account"),
    "account.domain": _("Domain of the account"),
    "rep.conversion_rate": _("Share of leads converted"),
    "rep.closed": _("Leads closed"),
    "rep.open_leads": _("Open leads"),
}

#: What could not be right in a lead's input and was kept as it came (``Lead.flags``); ``cut`` is said of any field.
FLAGS: Mapping[str, str] = {
    "erased": _("What was known of the person was erased"),
    "email_invalid": _("The e-mail address cannot be right"),
    "phone_invalid": _("The phone number cannot be right"),
    "phone_no_country": _("It is not known which country the phone number is of"),
    "domain_invalid": _("The web domain cannot be right"),
    "country_unknown": _("The country could not be recognised"),
    "employees_invalid": _("The number of employees could not be read"),
    "touches_invalid": _("How often the person came could not be read"),
    "pages_invalid": _("The number of pages looked at could not be read"),
    "opens_invalid": _("The number of mails opened could not be read"),
    "employees_range": _("The number of employees was a range; its low end was taken"),
    "deal_value_invalid": _("The deal value could not be read"),
    "deal_value_range": _("The deal value was a range; its low end was taken"),
    "deal_value_ambiguous": _("The deal value can be read in two ways; the larger was taken"),
    "currency_unknown": _("The currency could not be recognised"),
    "language_unknown": _("The language could not be recognised"),
    "consent_unclear": _("Consent is neither yes nor no, so it counts as unknown"),
    "received_at_invalid": _("The date could not be read; the time of arrival was taken"),
    "received_at_future": _("The date lies ahead; the time of arrival was taken"),
    "answers_invalid": _("An answer to a standard question could not be read; it is kept as sent"),
    "answers_unknown": _("An answer that the policy does not know; it counts nothing"),
    "attribute_invalid": _("An attribute could not be read as the mapping says; it is kept as sent"),
    "formula": _("One field holds a spreadsheet formula; it is kept as text"),
    "cut": _("A text was too long and was cut"),
}

#: A simple condition on one fact, by its operator.
COMPARED: Mapping[str, str] = {
    "==": _("{field} is {value}"),
    "!=": _("{field} is not {value}"),
    ">=": _("{field} {value} or more"),
    "<=": _("{field} {value} at most"),
    ">": _("{field} over {value}"),
    "<": _("{field} under {value}"),
    "in": _("{field} is one of {value}"),
    "known": _("{field} is known"),
    "unknown": _("{field} is not known"),
}

#: Spans, largest first, as (seconds, text).
SPANS: tuple[tuple[int, object], ...] = (
    (86_400, npgettext_lazy("span", "{n} day", "{n} days")),
    (3_600, npgettext_lazy("span", "{n} hour", "{n} hours")),
    (60, npgettext_lazy("span", "{n} minute", "{n} minutes")),
    (1, npgettext_lazy("span", "{n} second", "{n} seconds")),
)
