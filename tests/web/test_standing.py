"""My standing: each rule with where the rep stands and what comes next, what will change, the tier, the points, the notices."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from dibs.crm.models import Lead
from dibs.delivery import notices
from dibs.delivery.models import Notice
from dibs.distribution import policies, tiering
from dibs.distribution.models import RepEntry, Standing
from dibs.engine.decision import Reason
from dibs.people.models import Rep, User
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.making import publish
from tests.web.conftest import as_
from tests.web.test_leads import words

TIERS = """
tiers:
  - {name: top, when: 'rep.closed >= 2 && rep.conversion_rate >= 0.5', sees: full}
  - {name: new, sees: preview, only: 'lead.score < 75'}
tiering: {over: 30d, confirm: 2}
"""


def with_rules(company: Company, fair_play: str, more: str = "") -> None:
    publish(company.workspace, re.sub(r"(?m)^fair_play: .*$", f"fair_play: {fair_play}", POLICY) + more)


def standing(company: Company, who: Any = None) -> str:
    return words(as_(who or company.aiko).get("/standing/"))


def test_each_rule_says_what_it_asks_where_one_stands_and_what_comes_next(company: Company) -> None:
    # Where it is noon now: what is missing is given out towards the end of the day.
    Rep.objects.filter(id=company.aiko.id).update(timezone=f"Etc/GMT{now().hour - 12:+d}")
    with_rules(
        company,
        "{hold_at_most: 2, claim_rate: {count: 2, per: 10m}, claim_at_least: {count: 3, per: day, then: auto_assign}, "
        "mix: {low_below: 30, per_high: 1}, skip_at_most: 1}",
    )
    told = standing(company)
    for said in (
        "0 of 2",
        "You can hold 2 leads that you have not contacted yet. Room for 2 more.",
        "You can claim 2 leads within 10 minutes, so that there is time for each.",
        "At least 3 claims a day are expected. What is missing at",
        "is given to you, the oldest waiting first. Claim 3 more today, or the oldest waiting are given to you.",
        "After a claim with a score of 30 or more, claim 1 under 30 before the next one that high",
        "Between two claims you can look at 1 lead and leave it. 1 left.",
    ):
        assert said in told, said
    browser = as_(company.aiko)
    for score in (300, 0):
        browser.post(f"/leads/{company.lead(employees=score)}/claim/")
    passed = company.lead()
    browser.post(f"/leads/{passed}/skip/")
    told = standing(company)
    for said in (
        "2 of 2",
        "Contact one of your leads first.",
        "Wait until ",
        "Claim one more today, or the oldest waiting is given to you.",
        "Your next claim can have any score.",
        "Claim one first.",
    ):
        assert said in told, said
    # The wait counts down.
    assert "data-until=" in browser.get("/standing/").content.decode()


def test_low_ones_that_are_owed_are_named(company: Company) -> None:
    with_rules(company, "{mix: {low_below: 30, per_high: 2}}")
    as_(company.aiko).post(f"/leads/{company.lead(employees=300)}/claim/")
    assert "Claim 2 leads with a score under 30 first." in standing(company)


def test_nothing_is_expected_of_who_is_not_at_work(company: Company) -> None:
    with_rules(company, "{claim_at_least: {count: 3, per: day}}")
    not_today = str(
        (now().isoweekday() + 2) % 7 + 1
    )  # three days on, which is not today wherever one is, nor in a moment
    type(company.aiko).objects.filter(id=company.aiko.id).update(hours={not_today: [540, 1080]})
    assert "Nothing is expected of you today." in standing(company)


def test_without_rules_it_says_so(company: Company) -> None:
    with_rules(company, "{}")
    assert "No rules in force" in standing(company)


def test_what_will_change_is_told_with_its_moment_and_what_it_means_now(company: Company) -> None:
    browser = as_(company.aiko)
    for _ in range(2):
        browser.post(f"/leads/{company.lead()}/claim/")
    text = POLICY.replace("hold_at_most: 3, skip_at_most: 2", "hold_at_most: 2, skip_at_most: 5").replace(
        "lock: 15m", "lock: 10m"
    )
    policies.publish(company.workspace.id, text, None, effective_from=now() + timedelta(days=3))
    told = standing(company)
    assert "these rules change in 2 days" in told
    assert "Leads in hand, at most: 2 instead of 3" in told
    assert "As you stand now: Contact one of your leads first." in told
    assert "Leads passed by between two claims, at most: 5 instead of 2 As you stand now, you keep to it." in told
    assert "Time for first contact, from Inbound: 10 minutes instead of 15 minutes" in told
    policies.cancel_pending(company.workspace.id)
    assert "these rules change" not in standing(company)
    assert "Rules stay as they are" in standing(company)


def test_what_changes_in_a_pool_of_others_is_not_told(company: Company) -> None:
    text = POLICY.replace("japan: {mode: pool,", "japan: {mode: queue,")
    policies.publish(company.workspace.id, text, None, effective_from=now() + timedelta(days=3))
    assert "Japan" not in standing(company)
    assert "What can be taken from Japan: the first in line instead of any, from a preview" in standing(
        company, company.budi
    )


def test_the_tier_says_what_it_shows_and_how_to_get_on(company: Company) -> None:
    with_rules(company, "{}", TIERS)
    told = standing(company)
    assert "Your tier" in told
    assert "You see a preview of the leads that wait. Of these: Score under 75." in told
    assert "In the last 30 days you have not closed a lead yet." in told
    assert "Reach the tier top: Leads closed 2 or more; Share of leads converted 50% or more." in told


def test_a_change_of_tier_is_told_with_its_reason(company: Company) -> None:
    with_rules(company, "{}", TIERS)
    browser, at = as_(company.aiko), now()
    tiering.retier_all(company.workspace.id, at)
    for _ in range(3):
        lead = company.lead()
        browser.post(f"/leads/{lead}/claim/")
        browser.post(f"/leads/{lead}/convert/", {})
    tiering.retier_all(company.workspace.id, at + timedelta(days=1))
    told = standing(company)
    assert "In the last 30 days you closed 3, and 100% of them became business. That is counted once a day." in told
    assert "The tier top fits you now; if it still does in 1 day, you are in it." in told
    tiering.retier_all(company.workspace.id, at + timedelta(days=2))
    told = standing(company)
    assert "Up from new to top. For 2 days this has held: Leads closed 2 or more" in told
    assert "Another tier new" in told
    enter(company.workspace.id)
    assert RepEntry.objects.filter(rep=company.aiko, kind="tier_changed").exists()


def test_points_of_this_month_are_counted_and_last_months_are_not(company: Company) -> None:
    with_rules(company, "{}", "credits: {claim: 1, convert: 10, weights: [{when: 'lead.score < 30', times: 2}]}\n")
    assert "Points this month" in standing(company)
    browser = as_(company.aiko)
    for employees in (300, 0):
        lead = company.lead(employees=employees)
        browser.post(f"/leads/{lead}/claim/")
        browser.post(f"/leads/{lead}/contact/", {"kind": "call"})
    browser.post(f"/leads/{lead}/convert/", {})
    told = standing(company)
    assert "Claims contacted 3 for 2" in told
    assert "Conversions 20 for 1" in told
    assert "Score under 30: counts 2 times." in told
    enter(company.workspace.id)
    from dibs.distribution.models import Credit

    Credit.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC))
    assert "Claims contacted 0 for 0" in standing(company)


def test_notices_are_counted_at_the_top_until_they_are_read(company: Company) -> None:
    policies.publish(company.workspace.id, POLICY.replace("hold_at_most: 3", "hold_at_most: 2"), None)
    browser = as_(company.aiko)

    def count(page: Any) -> str:
        bell = re.search(r'<a class="bell".*?</a>', page.content.decode(), re.DOTALL)
        assert bell is not None
        return re.sub(r"<[^>]+>|\s", "", bell[0])

    page = browser.get("/notices/")
    assert count(page) == "Notices1new"
    assert "Rules have changed" in words(page)
    assert "Leads in hand, at most: 2 instead of 3" in words(page)
    assert browser.post("/notices/", {"next": "/standing/"})["Location"] == "/standing/"
    assert count(browser.get("/mine/")) == "Notices"
    assert "Rules have changed" in words(browser.get("/notices/"))
    enter(company.workspace.id)
    assert Notice.objects.filter(user=company.budi.user, read_at=None).count() == 1
    assert "Nothing to tell you" in words(as_(company.manager).get("/notices/"))


def test_a_notice_of_a_lead_whose_time_runs_out_says_until_when_and_leads_to_it(company: Company) -> None:
    lead = company.lead()
    at = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    near = Reason("sla_near", {"lead": str(lead), "rep": "aiko", "at": at.isoformat()})
    notices.tell(company.workspace.id, [company.aiko.user_id], "lead_warned", [near], at)
    page = as_(company.aiko).get("/notices/")
    assert "Time runs out" in words(page)
    assert "Aiko has to make the first contact by" in words(page)
    assert f'href="/leads/{lead}/"' in page.content.decode()


def test_a_notice_of_who_sells_names_nobody_elses_leads(company: Company, other: Company) -> None:
    policies.publish(company.workspace.id, POLICY.replace("hold_at_most: 3", "hold_at_most: 2"), None)
    enter(other.workspace.id)
    assert "Nothing to tell you" in words(as_(other.aiko).get("/notices/"))


@pytest.mark.parametrize("language", ["ja", "es", "id"])
def test_all_of_it_is_said_in_the_readers_language(company: Company, language: str) -> None:
    with_rules(
        company,
        "{hold_at_most: 1, claim_rate: {count: 1, per: 10m}, claim_at_least: {count: 3, per: week, then: auto_assign}, "
        "mix: {low_below: 30, share: 50%, over: 4}, skip_at_most: 1, notice: 1d}",
        TIERS + "credits: {claim: 1, weights: [{when: 'lead.score < 30', times: 2}]}\n",
    )
    tiering.retier_all(company.workspace.id, now())
    as_(company.aiko).post(f"/leads/{company.lead(employees=300)}/claim/")
    coming = POLICY.replace("hold_at_most: 3", "hold_at_most: 1")
    policies.publish(company.workspace.id, coming, None, effective_from=now() + timedelta(days=3))
    User.objects.filter(id=company.aiko.user_id).update(language=language)
    page = standing(company)
    plain = page.split("English", 1)[0] + page.split("Indonesia", 1)[1]
    for english in (
        "You ",
        "Claim ",
        "claims",
        "Wait ",
        "Tier",
        "tier ",
        "since",
        "Rules",
        "rules",
        "Notices",
        "instead",
    ):
        assert english not in plain.replace("Claims", ""), english


def test_where_time_runs_the_pages_where_more_is_taken_say_so(company: Company) -> None:
    lead = company.lead(company="Mine Already")
    browser = as_(company.aiko)
    assert 'id="held"' in browser.get("/pools/inbound/").content.decode()
    browser.post(f"/leads/{lead}/claim/")
    for path in ("/pools/inbound/", "/queue/line/", "/mine/held/"):
        page = browser.get(path)
        assert "Yours, to contact Mine Already 14:5" in words(page) or "Mine Already 15:00" in words(page), path
        assert "data-until=" in page.content.decode()
    enter(company.workspace.id)
    Lead.objects.filter(id=lead).update(lock_expires_at=now() - timedelta(seconds=1))
    assert "Mine Already" not in words(browser.get("/mine/held/"))


def test_the_queue_says_what_stands_in_the_way_and_what_passing_by_costs(company: Company) -> None:
    for number in range(4):
        company.lead(source="line", company=f"In Line {number}", now=now() - timedelta(minutes=9 - number))
    browser = as_(company.aiko)
    assert "2 of 2 left until you claim one." in words(browser.get("/queue/line/"))
    browser.post(f"/leads/{Lead.objects.get(company='In Line 0').id}/skip/")
    told = words(browser.get("/queue/line/"))
    assert "In Line 1" in told
    assert "1 of 2 left until you claim one." in told
    browser.post(f"/leads/{Lead.objects.get(company='In Line 1').id}/skip/")
    page = browser.get("/queue/line/")
    assert "You have passed by 2. Take one and contact it, and you can pass again." in words(page)
    assert "<button disabled>Pass it by" in page.content.decode()
    enter(company.workspace.id)
    Standing.objects.filter(rep=company.aiko).update(holding=3)
    page = browser.get("/queue/line/")
    assert "Leads in hand: 3 of 3. Contact one of your leads first. My leads" in words(page)
    assert '<button class="go" disabled>' in page.content.decode()
