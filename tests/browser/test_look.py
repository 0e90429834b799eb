"""What holds on every page, in both themes and on a small screen: it fits, it can be read, and everything has a name."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from dibs.distribution import policies, tiering
from dibs.people.models import Calendar, Rep, TimeOff, User
from dibs.people.tenancy import enter
from tests.api.conftest import POLICY, Company
from tests.browser.conftest import LogIn
from tests.making import publish

#: Text whose contrast with what is behind it is too low (WCAG 2.2 AA), as "text: ratio".
_FAINT = """() => {
  const channel = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => { for (let e = element; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({checkVisibilityCSS: true}) || element.closest('noscript, dialog:not([open])')) continue;
    const style = getComputedStyle(element), a = light(rgba(style.color)), b = light(behind(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.add(`${node.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return [...faint];
}"""

#: Things that somebody who cannot see the page could not make out.
_NAMELESS = """() => {
  const wrong = [];
  const name = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('') || [...(e.labels ?? [])].map((l) => l.textContent).join('') || e.textContent || e.title || '').trim();
  for (const e of document.querySelectorAll('a[href], button, summary, select, textarea, input:not([type=hidden])')) if (e.checkVisibility() && !name(e)) wrong.push('no name: ' + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) wrong.push('no alt: ' + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll('svg')) if (e.getAttribute('aria-hidden') !== 'true' && !e.getAttribute('aria-label')) wrong.push('bare svg: ' + e.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push('id twice: ' + id);
  if (!document.documentElement.lang) wrong.push('no language');
  if (!document.title.trim()) wrong.push('no title');
  if (!document.querySelector('h1')) wrong.push('no heading');
  if (document.querySelectorAll('main').length !== 1) wrong.push('no single main');
  for (const th of document.querySelectorAll('th')) if (!th.textContent.trim()) wrong.push('empty table heading');
  return wrong;
}"""


def _paths(company: Company, role: str) -> list[str]:
    if role == "rep":
        return [
            "/pools/inbound/",
            "/pools/open/",
            "/queue/line/",
            "/mine/",
            "/standing/",
            "/notices/",
            "/fair-play/",
            "/people/aiko/",
        ]
    return [
        "/floor/",
        "/review/",
        "/fair-play/",
        "/people/",
        "/people/aiko/",
        "/policy/",
        "/policy/edit/",
        "/pools/open/",
        "/notices/",
    ]


def _fill(company: Company) -> None:
    long = "Sociedad Anónima de Capital Variable para Investigaciones Farmacéuticas Electroencefalográficas"
    for number in range(3):
        company.lead(company=f"Company {number}", employees=300 * number, industry="health")
        company.lead(source="unclear", company="医療法人社団桜ヶ丘メディカルクリニック", country="MX")
        company.lead(source="line", company="In Line", email="a-rather-long-address-that-goes-on@subdomain.example.com")
        company.lead(source="open", company="Open to Look At")
    company.lead(company=long, employees=12_345, country="MX", industry="Electroencefalografía")
    company.lead(source="demo", company=long)


def _rules(company: Company) -> None:
    """Every rule, a tier, points, and a change announced: My standing with all that it can say."""
    rules = (
        "{hold_at_most: 3, claim_rate: {count: 3, per: 10m}, claim_at_least: {count: 4, per: day, then: auto_assign}, "
        "mix: {low_below: 50, share: 30%, over: 20}, skip_at_most: 2, notice: 1h}"
    )
    more = """
tiers:
  - {name: Especialistas en electroencefalografía, when: 'rep.closed >= 5', sees: full}
  - {name: new, sees: full}
credits: {claim: 1, convert: 10, weights: [{when: 'lead.score < 30', times: 2}]}
"""
    text = re.sub(r"(?m)^fair_play: .*$", f"fair_play: {rules}", POLICY) + more
    publish(company.workspace, text)
    tiering.retier_all(company.workspace.id, now())
    coming = text.replace("hold_at_most: 3", "hold_at_most: 1").replace("lock: 15m", "lock: 10m")
    policies.publish(company.workspace.id, coming, None, effective_from=now() + timedelta(days=2))


def _away(company: Company) -> None:
    """A rep with time off, a calendar that fails, and a cap: a rep's own page with all that it can say."""
    enter(company.workspace.id)
    at, aiko = now(), company.aiko
    Rep.objects.filter(id=aiko.id).update(
        hours={"1": [540, 1080], "5": [1320, 360]},
        country="JP",
        timezone="Asia/Tokyo",
        available=False,
        away_why="lapses",
        away_since=at,
    )
    for days, note in ((0, ""), (30, "Vacaciones en una ciudad con un nombre verdaderamente largo")):
        starts = at + timedelta(days=days)
        TimeOff.objects.create(
            workspace=company.workspace, rep=aiko, starts=starts, ends=starts + timedelta(days=5), note=note
        )
    Calendar.objects.create(
        workspace=company.workspace,
        rep=aiko,
        url="https://calendar-of-a-company-with-a-rather-long-name.example/a.ics",
        failing_since=at - timedelta(days=2),
        fetched_at=at - timedelta(days=3),
        problem="not_there",
    )


def _own_lead(page: Page) -> str:
    page.goto("/pools/inbound/")
    page.locator("form[data-claim] button").click()
    page.wait_for_url("**/leads/**")
    return page.url


@pytest.mark.parametrize("role", ["rep", "ops"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_everything_on_it_has_a_name(
    company: Company, log_in: LogIn, role: str, scheme: Any
) -> None:
    _rules(company)
    _fill(company)
    _away(company)
    page = log_in(company.aiko if role == "rep" else company.ops, color_scheme=scheme)
    paths = _paths(company, role) + ([_own_lead(page)] if role == "rep" else ["/no/such/page/", "/account/logout/"])
    for path in paths:
        page.goto(path)
        assert page.evaluate(_FAINT) == [], path
        assert page.evaluate(_NAMELESS) == [], path


#: What reaches beyond the right edge, to be named where something does.
_SPILLING = """() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .slice(-3).map(e => e.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_no_page_scrolls_sideways_on_a_small_screen(company: Company, log_in: LogIn, language: str) -> None:
    _rules(company)
    _fill(company)
    _away(company)
    User.objects.update(language=language)
    for role, who in (("rep", company.aiko), ("ops", company.ops)):
        page = log_in(who, viewport={"width": 360, "height": 740})
        for path in _paths(company, role) + ([_own_lead(page)] if role == "rep" else []):
            page.goto(path)
            page.wait_for_timeout(50)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, f"{path} in {language} is {width} wide: {page.evaluate(_SPILLING)}"


@pytest.mark.parametrize("language", ["en", "ja", "es", "id"])
def test_nothing_in_the_tables_of_the_floor_is_beyond_the_edge_of_a_small_screen(
    company: Company, log_in: LogIn, language: str
) -> None:
    text = POLICY.replace("fair_play:", "teams: {closers: {open_at_most: 25}, tokyo: {open_at_most: 1}}\nfair_play:")
    publish(company.workspace, text)
    _fill(company)
    User.objects.update(language=language)
    page = log_in(company.ops, viewport={"width": 360, "height": 740})
    page.goto("/floor/")
    beyond = "tables => tables.map(table => table.scrollWidth - table.clientWidth)"
    assert page.locator(".floor .wide").evaluate_all(beyond) == [0, 0]
    # Who is there to take a lead is seen on a telephone, too.
    expect(page.locator(".floor .who .only-s").first).to_be_visible()


def test_where_the_focus_is_can_be_seen(company: Company, log_in: LogIn) -> None:
    _fill(company)
    page = log_in(company.aiko)
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "() => { const s = getComputedStyle(document.activeElement);"
            " return [document.activeElement.tagName, s.outlineStyle, parseFloat(s.outlineWidth)]; }"
        )
        if outline[0] != "BODY":
            seen.add(outline[0])
            assert outline[1] == "solid", outline
            assert outline[2] >= 2, outline
    assert {"A", "BUTTON", "SUMMARY", "INPUT"} <= seen


def test_the_login_page_reads_well_in_both_themes_and_small(company: Company, log_in: LogIn) -> None:
    for scheme in ("light", "dark"):
        page = log_in(company.aiko, color_scheme=scheme, viewport={"width": 360, "height": 740})
        page.context.clear_cookies()
        page.goto("/account/login/")
        assert page.evaluate(_FAINT) == []
        assert page.evaluate(_NAMELESS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_motion_respects_the_reader(company: Company, log_in: LogIn) -> None:
    company.lead()
    page = log_in(company.aiko, reduced_motion="reduce")
    page.evaluate("document.querySelector('#leads tbody tr').classList.add('taken')")
    assert page.evaluate("getComputedStyle(document.querySelector('#leads tr.taken td')).transitionDuration") == "0s"
