"""Where what is known of people stands in the database, and what becomes of each place when somebody is erased.

Every table is in one of three lists, and a test refuses one that is in none, or a text column of one that nothing looks at:

- `OWN`: rows that are about one person, found by whose lead, contact, deal or account they belong to. They go, or stay for the counts
  that are made of them without what says who it was. What stays of their texts is looked through for the person's name, addresses and
  numbers all the same.
- `MENTIONS`: rows that are about something else, in which somebody may have been mentioned: a note on another lead, an import's refused
  row, an answer that is kept to be given again. They are looked through too.
- `ELSEWHERE`: what the company wrote about itself, and what is numbers alone. Nobody's lead is there, and nothing is looked through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Whose a row can be.
Whose = Literal["lead", "contact", "opportunity", "account"]


@dataclass(frozen=True, slots=True)
class Own:
    """Rows that are about one person. ``called``: what they are told of as; ``by``: columns and whose id each holds, one match is enough.

    ``gone``: SQL that says which rows go, ``true`` for all; ``blank``: what the columns of those that stay are set to, as SQL; ``stripped``:
    columns that hold reasons as the log keeps them.
    """

    called: str
    model: str
    by: tuple[tuple[str, Whose], ...]
    gone: str = ""
    blank: Mapping[str, str] = field(default_factory=dict)
    stripped: tuple[str, ...] = ()


_OF_LEAD: tuple[tuple[str, Whose], ...] = (("lead_id", "lead"),)
_OF_DEAL: tuple[tuple[str, Whose], ...] = (*_OF_LEAD, ("opportunity_id", "opportunity"))

#: In the order in which they are told of, and in which they go: what refers to a row before the row.
OWN: tuple[Own, ...] = (
    # The lead's own columns are for `distribution.forgetting`, which alone ends leads.
    Own("leads", "crm.Lead", (("id", "lead"),)),
    Own("decisions", "distribution.Decision", _OF_LEAD, stripped=("reasons",)),
    Own("touches", "crm.Touch", _OF_LEAD, blank={"external_id": "NULL", "detail": "'{}'"}),
    Own("notes", "crm.Note", _OF_DEAL, gone="true"),
    # What was done counts; what was only meant to be done will not be.
    Own("activities", "crm.Activity", _OF_DEAL, gone="done_at IS NULL", blank={"text": "''"}),
    Own(
        "appointments",
        "crm.Appointment",
        _OF_DEAL,
        gone="starts_at > %(now)s",
        blank={"title": "'–'", "place": "''", "text": "''"},
    ),
    Own("assessments", "crm.Assessed", _OF_LEAD, gone="finished_at IS NULL", blank={"answers": "'{}'"}),
    Own(
        "sent",
        "crm.Sent",
        _OF_LEAD,
        blank={"title": "'–'", "text": "''", "url": "''", "external_id": "NULL"},
    ),
    Own(
        "mails",
        "delivery.Mail",
        _OF_LEAD,
        blank={
            "address": "''",
            "sender": "''",
            "subject": "''",
            "text": "''",
            "error": "''",
            "message_id": "''",
            "send_at": "NULL",
            "state": "CASE state WHEN 'waiting' THEN 'stopped' ELSE state END",
        },
    ),
    Own("known_by", "crm.KnownBy", _OF_LEAD, gone="true"),
    Own("may_be", "crm.NearMiss", (*_OF_LEAD, ("other_id", "lead"), ("account_id", "account")), gone="true"),
    Own("merges", "crm.Merge", (("kept_id", "lead"), ("gone_id", "lead")), gone="true"),
    Own(
        "opportunities",
        "crm.Opportunity",
        (*_OF_LEAD, ("id", "opportunity")),
        blank={
            "name": "'–'",
            "lost_why": "''",
            "contact_id": "NULL",
            "account_id": "CASE WHEN account_id = ANY(%(accounts)s) THEN NULL ELSE account_id END",
        },
    ),
    Own("contacts", "crm.Contact", (("id", "contact"),), gone="true"),
    Own("marks", "crm.AccountMark", (("account_id", "account"),), gone="true"),
    # Made of this person's leads alone, and so as good as the person.
    Own("accounts", "crm.Account", (("id", "account"),), gone="true"),
    Own("moves", "distribution.MoveItem", _OF_LEAD, blank={"before": "before - 'columns'"}),
    # Which touches came with which import stays: without them it could not be undone for the others.
    Own("imported", "intake.Changed", _OF_LEAD, blank={"before": "'{}'", "after": "'{}'"}),
    Own("received", "intake.RawPayload", (("lead", "lead"),), gone="true"),
    Own("events", "delivery.Outbox", (("lead", "lead"),), blank={"last_error": "NULL"}),
)

#: The columns of other rows that are looked through for who was erased.
MENTIONS: Mapping[str, tuple[str, ...]] = {
    # What others said of them as they came in themselves: who sent them, whom they work for.
    "crm.Lead": ("title", "company", "use_case", "message", "attributes", "answers"),
    "crm.Touch": ("detail",),
    "crm.Sent": ("title", "text", "url"),
    "crm.Assessed": ("answers",),
    "crm.Merge": ("before",),
    "crm.Account": ("name", "name_key"),
    "crm.Note": ("text",),
    "crm.Activity": ("text",),
    "crm.Appointment": ("title", "place", "text"),
    "crm.Opportunity": ("name", "lost_why"),
    "delivery.Mail": ("subject", "text", "error"),
    "delivery.Notice": ("reasons",),
    "delivery.Outbox": ("payload", "last_error"),
    "distribution.Decision": ("reasons",),
    "distribution.RepEntry": ("reasons",),
    "distribution.Move": ("scope", "to", "why", "problem"),
    "distribution.MoveItem": ("before", "planned"),
    "distribution.Comparison": ("draft", "name", "result", "problem"),
    "distribution.Difference": ("before", "after"),
    "distribution.ScoreModel": ("document", "measures", "problem"),
    "intake.Import": ("file_name", "counts", "options", "problem"),
    "intake.ImportRefusal": ("detail", "raw"),
    "intake.Changed": ("before", "after"),
    "intake.RawPayload": ("external_id", "payload"),
    "intake.Upload": ("name", "content"),
    "api.KeyedWrite": ("key", "answer"),
    "procrastinate.ProcrastinateJob": ("args", "lock", "queueing_lock"),
    "sessions.Session": ("session_data",),
}

#: Where no lead's person is, and why.
ELSEWHERE: Mapping[str, str] = {
    "auth.Permission": "Django's own",
    "auth.Group": "Django's own",
    "auth.Group_permissions": "Django's own",
    "contenttypes.ContentType": "Django's own",
    "account.EmailAddress": "the staff's",
    "account.EmailConfirmation": "the staff's",
    "procrastinate.ProcrastinateWorker": "the queue's own",
    "procrastinate.ProcrastinateEvent": "the queue's own",
    "procrastinate.ProcrastinatePeriodicDefer": "the queue's own",
    "people.Workspace": "the company's",
    "people.User": "the staff's",
    "people.Team": "the staff's",
    "people.Rep": "the staff's",
    "people.Membership": "the staff's",
    "people.Management": "the staff's",
    "people.Calendar": "the staff's",
    "people.Busy": "the staff's",
    "people.TimeOff": "the staff's",
    "people.ApiToken": "the staff's",
    "crm.Campaign": "what was sent to many",
    "crm.Piece": "what was sent to many",
    "crm.Helper": "who of the staff helps",
    "crm.DoNotContact": "keyed hashes; what the person was recognised by goes (`do_not_contact.forget_shown`)",
    "distribution.PolicyVersion": "the company's rules, which never change",
    "distribution.Rotation": "the staff's turns",
    "distribution.Standing": "the staff's counters",
    "distribution.PassedOver": "who of the staff, and when",
    "distribution.Credit": "what the staff earned",
    "distribution.Result": "counts",
    "distribution.Choice": "what a claim was chosen from, in numbers",
    "distribution.PoolSample": "counts",
    "distribution.Watched": "a moment",
    "intake.Source": "what the company calls its sources",
    "intake.Erasure": "counts",
}
