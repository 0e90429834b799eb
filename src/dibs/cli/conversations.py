"""What the sample's reps write down and plan while they work a lead, and what becomes of the opportunities they make.

Through the functions the product uses, at moments of the past. Chance comes from the playback's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from dibs.crm.models import Opportunity
from dibs.distribution import acting, answering, appointments, assessing, converting, follow_ups, notes, opportunities
from dibs.distribution.reading import Row
from dibs.engine.policy import Policy
from dibs.people.caller import Caller

#: What reps note after a first call.
_NOTES = (
    "Asked for prices for twenty seats. Compares with two others.",
    "Wants to show it to the head of sales first.",
    "Spreadsheets today; leads get lost over the weekend.",
    "Friendly, in a hurry. Send the short deck, call again.",
    "Knows us from a colleague. Starts next quarter at the earliest.",
    "Two offices, one list of leads, nobody knows who called whom.",
)
_MEETINGS = ("A first look together", "Show it to their team", "Talk about the rollout")
#: An opportunity moves on once in so many days, on average, and stops being open with these chances at each look.
_WON, _LOST = 0.3, 0.12
#: Under this amount reps try to close on the spot.
_SMALL = Decimal(2000)


#: How much likelier than others leads of a source are won, and those of larger companies: so there is something to learn.
_WORTH = {
    "referral": 1.9, "demo_request": 1.7, "pricing": 1.5, "partner": 1.3, "contact_form": 1.0, "webinar": 0.6, "search_ad": 0.7,
    "whitepaper": 0.4, "social_ad": 0.3, "trade_fair": 0.35,
}  # fmt: skip
_LARGE, _LARGER = 200, 1.35


def worth(lead: Row) -> float:
    """How many times as likely as any other this lead is won."""
    return _WORTH.get(lead["source"], 1.0) * (_LARGER if (lead["employees"] or 0) >= _LARGE else 1.0)


class Conversations:
    """One workspace's talks with its leads."""

    def __init__(self, policy: Policy, random: Random) -> None:
        self.policy, self.random = policy, random

    def after_contact(self, caller: Caller, lead: UUID, now: datetime) -> bool:
        """What the rep wrote down and planned after speaking with the lead; whether it is theirs still."""
        chance = self.random.random
        if chance() < 0.25:
            notes.write_note(caller, lead, self.random.choice(_NOTES), now)
        if chance() < 0.15:
            asked = self.policy.qualify.questions
            answers = {name: self.random.choice(list(question.answers)) for name, question in asked.items()}
            answering.answer(caller, lead, answers, now)
        if chance() < 0.15:
            follow_ups.follow_up(caller, lead, self._at_work(caller, now), now)
        if chance() < 0.08:
            starts = self._at_work(caller, now)
            appointments.make_appointment(
                caller,
                lead,
                now,
                title=self.random.choice(_MEETINGS),
                starts_at=starts,
                ends_at=starts + timedelta(minutes=45),
            )
        if chance() < 0.2:
            return self._assess(caller, lead, now)
        return True

    def _at_work(self, caller: Caller, now: datetime) -> datetime:
        """A full hour in the rep's next days, from nine to five."""
        here = now.astimezone(ZoneInfo(caller.timezone)) + timedelta(days=self.random.randint(1, 4))
        return here.replace(hour=self.random.randint(9, 16), minute=0, second=0, microsecond=0)

    def _assess(self, caller: Caller, lead: UUID, now: datetime) -> bool:
        template = next(iter(self.policy.assessments))
        answers = {
            name: self.random.choices(list(asked.answers), range(1, len(asked.answers) + 1))[0]
            for name, asked in self.policy.assessments[template].questions.items()
        }
        done = assessing.finish(caller, lead, template, answers, now)
        return isinstance(done, acting.Acted) and done.state == "working" and done.lead["owner_id"] == caller.rep_id

    def convert(self, caller: Caller, lead: UUID, now: datetime, amount: Decimal) -> acting.Answer:
        """The lead becomes an opportunity, a small one is won at once."""
        close_on = (now + timedelta(days=self.random.randint(5, 60))).date()
        close = amount < _SMALL
        return converting.convert(caller, lead, now, amount=amount, currency="USD", close_on=close_on, close=close)

    def go_on(self, callers: Sequence[Caller], now: datetime) -> None:
        """Opportunities made in the days before have moved on since."""
        by_rep = {caller.rep_id: caller for caller in callers}
        stages = list(self.policy.opportunities.stages)
        for deal in Opportunity.objects.filter(state="open").order_by("id"):
            caller, at = by_rep.get(deal.owner_id), deal.created_at
            while caller is not None and (at := at + timedelta(days=self.random.uniform(0.5, 3))) < now:
                chance, place = self.random.random(), stages.index(deal.stage)
                if chance < _LOST:
                    opportunities.lose(
                        caller, deal.id, at, why=self.random.choice(("Chose another product", "No budget this year"))
                    )
                    break
                if place + 1 < len(stages):
                    opportunities.change(caller, deal.id, at, {"stage": stages[place + 1]})
                    deal.stage = stages[place + 1]
                elif chance < _LOST + _WON:
                    opportunities.win(caller, deal.id, at)
                    break
