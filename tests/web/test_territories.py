"""Territories on the policy's pages: the tree with whose each is, and what publishing would move."""

from __future__ import annotations

import pytest

from dibs.crm.models import Lead
from dibs.distribution import policies
from dibs.distribution.models import PolicyVersion
from dibs.distribution.placing import place
from dibs.people.tenancy import enter
from tests.api.conftest import Company
from tests.making import MONDAY, make_arrival, make_rep
from tests.web.conftest import as_
from tests.web.test_leads import words

POLICY = """
policy: By territory
timezone: Asia/Tokyo
territories:
  asia: {{countries: [JP, ID], owner: {{team: closers}}}}
  kansai: {{parent: asia, regions: [Osaka], owner: {{rep: {kansai}}}}}
  shikoku: {{parent: asia, regions: [Kochi], employees: {{at_least: 50}}, owner: {{territory: kansai}}, ends: 2026-01-31}}
  wide: {{when: 'lead.source == "webinar"', postal_codes: [SW1*, 100-0000..109-9999]}}
route:
  - {{name: Owners, push: {{to: territory.owner}}}}
  - {{name: Rest, pull: {{pool: inbound}}}}
pools: {{inbound: {{}}}}
"""


@pytest.fixture
def osaka(company: Company) -> str:
    """A lead in Osaka, which is Ken's."""
    for handle in ("ken", "kai"):
        make_rep(company.workspace, handle)
    enter(company.workspace.id)
    policies.publish(company.workspace.id, POLICY.format(kansai="ken"), by=None)
    arrival = make_arrival(country="JP", region="Osaka", company="Oak & <Co>")
    return str(place(company.workspace.id, [arrival], now=MONDAY)[0].lead_id)


def test_the_tree_shows_whose_each_territory_is_and_how_many_leads_lie_there(company: Company, osaka: str) -> None:
    told = words(as_(company.ops).get("/policy/"))
    assert "Asia Japan, Indonesia the team Closers 0" in told
    assert "Kansai Osaka Ken 1" in told
    assert "Kochi; 50 employees or more Ken as Kansai 0" in told
    assert "postal codes SW1*, 100-0000–109-9999; " in told
    assert "nobody 0" in told
    assert "Kansai Osaka Ken 0" in words(as_(company.manager).get("/policy/"))


def test_publishing_shows_first_what_a_border_would_move(company: Company, osaka: str) -> None:
    browser = as_(company.ops)
    draft = POLICY.format(kansai="kai")
    page = browser.post("/policy/edit/", {"text": draft, "do": "publish"})
    told = words(page)
    assert "1 open lead belongs to somebody else by it" in told
    assert "Oak &amp; &lt;Co&gt;" in page.content.decode()
    assert "ken kai" in told
    enter(company.workspace.id)
    assert PolicyVersion.objects.count() == 2
    shown = page.content.decode().split('name="shown" value="')[1].split('"')[0]
    said = browser.post("/policy/edit/", {"text": draft, "do": "publish", "shown": shown, "move": "yes"}, follow=True)
    assert "on their way: see Moves" in words(said)
    enter(company.workspace.id)
    newest = PolicyVersion.objects.order_by("-number")[0]
    assert (newest.number, newest.moves_leads) == (3, True)
    assert Lead.objects.get(id=osaka).owner.handle == "ken"  # type: ignore[union-attr]


def test_a_lead_without_a_name_is_told_from_others_that_move_too(company: Company, osaka: str) -> None:
    arrival = make_arrival(country="JP", region="Osaka", company=None, name=None, domain="nameless.example")
    place(company.workspace.id, [arrival], now=MONDAY)
    page = as_(company.ops).post("/policy/edit/", {"text": POLICY.format(kansai="kai"), "do": "publish"})
    assert "nameless.example ken kai" in words(page)


def test_what_moves_nothing_is_published_at_once(company: Company, osaka: str) -> None:
    said = as_(company.ops).post(
        "/policy/edit/",
        {"text": POLICY.format(kansai="ken").replace("name: Rest", "name: The rest"), "do": "publish"},
        follow=True,
    )
    assert "Published as version 3." in words(said)
    assert "on their way" not in words(said)


def test_left_unticked_the_leads_stay(company: Company, osaka: str) -> None:
    browser, draft = as_(company.ops), POLICY.format(kansai="kai")
    page = browser.post("/policy/edit/", {"text": draft, "do": "check"})
    shown = page.content.decode().split('name="shown" value="')[1].split('"')[0]
    browser.post("/policy/edit/", {"text": draft, "do": "publish", "shown": shown}, follow=True)
    enter(company.workspace.id)
    assert PolicyVersion.objects.order_by("-number")[0].moves_leads is False
