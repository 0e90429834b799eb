"""Leads that nobody sent: plausible, varied, from many countries, in the order they came in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from dibs.simulation.companies import Company, ascii_of, draw_company
from dibs.simulation.countries import COUNTRIES, Country, latin, native
from dibs.simulation.inquiries import FAIR_MESSAGES, MESSAGES, TITLES, USE_CASES

#: Where leads come from, and how many of a hundred from each.
SOURCES: Mapping[str, int] = {
    "search_ad": 18,
    "webinar": 14,
    "contact_form": 13,
    "social_ad": 12,
    "whitepaper": 10,
    "demo_request": 9,
    "referral": 7,
    "trade_fair": 7,
    "pricing": 6,
    "partner": 4,
}

#: Sources in which people write something; the others are lists and sign-ups.
_WRITTEN = frozenset({"contact_form", "demo_request", "pricing", "referral", "search_ad"})

_CAMPAIGNS: Mapping[str, tuple[str, ...]] = {
    "search_ad": ("booking-software", "stock-keeping", "invoicing-tool", "brand"),
    "social_ad": ("spring", "small-shops", "lookalike-a"),
    "webinar": ("less-paper", "clinic-day", "from-sheets-to-system"),
    "whitepaper": ("buyers-guide", "migration-checklist"),
    "trade_fair": ("retail-expo", "care-days"),
}

#: Leads by local hour of day, 0 to 23, as a share of the busiest hour.
_BY_HOUR = (5, 3, 2, 2, 2, 4, 10, 25, 55, 85, 100, 95, 60, 70, 90, 85, 75, 60, 45, 35, 32, 28, 20, 10)
#: What is left of that on a Saturday or Sunday.
_WEEKEND = 0.35

#: How often a company that already asked asks again, through another source or person.
_AGAIN = 0.12
#: How often somebody writes from a private mailbox. ``example.com`` stands for the free mail services.
_PRIVATE_MAIL = 0.18


@dataclass(frozen=True, slots=True)
class SyntheticLead:
    """A lead as a clean source would send it; the fields are those of the API. ``received_at`` is aware and in UTC.

    ``employees`` counts people, ``deal_value`` is in ``currency``, ``domain`` is ``None`` for private mailboxes.
    """

    source: str
    external_id: str
    received_at: datetime
    name: str
    title: str | None
    email: str
    phone: str | None
    company: str
    domain: str | None
    industry: str | None
    employees: int | None
    country: str
    region: str | None
    city: str | None
    postal_code: str | None
    language: str
    product: str | None
    use_case: str | None
    deal_value: float | None
    currency: str | None
    message: str | None
    consent: bool
    attributes: Mapping[str, str | int]


def synthetic_leads(n: int, seed: str, until: datetime, days: float) -> Iterator[SyntheticLead]:
    """``n`` leads received within ``days`` before ``until`` (aware), oldest first, each at a likely hour of its country."""
    random = Random(seed)
    moments = sorted(_moment(random, until, timedelta(days=days)) for _ in range(n))
    known: dict[str, list[Company]] = {code: [] for code in COUNTRIES}
    for number, (received_at, code) in enumerate(moments, start=1):
        country = COUNTRIES[code]
        company = _company(random, country, known[code])
        yield _lead(random, country, company, received_at, f"{seed}-{number:06d}")


def _moment(random: Random, until: datetime, window: timedelta) -> tuple[datetime, str]:
    """When, and from which country: drawn together, so that Japan writes while Mexico sleeps."""
    codes, shares = list(COUNTRIES), [country.share for country in COUNTRIES.values()]
    while True:
        at = until - window * random.random()
        code = random.choices(codes, shares)[0]
        local = at.astimezone(ZoneInfo(COUNTRIES[code].timezone))
        busy = _BY_HOUR[local.hour] / 100 * (_WEEKEND if local.isoweekday() > 5 else 1)
        if random.random() < busy:
            return at.replace(microsecond=at.microsecond // 1000 * 1000), code


def _company(random: Random, country: Country, known: list[Company]) -> Company:
    if known and random.random() < _AGAIN:
        return random.choice(known)
    company = draw_company(random, country)
    known.append(company)
    return company


def _lead(random: Random, country: Country, company: Company, received_at: datetime, external_id: str) -> SyntheticLead:
    source = random.choices(list(SOURCES), list(SOURCES.values()))[0]
    name, mailbox = _person(random, country)
    private = random.random() < _PRIVATE_MAIL
    language = country.language if random.random() < 0.93 else "en"
    use_case = random.choice(tuple(USE_CASES))
    says_more = source in _WRITTEN or random.random() < 0.2
    worth = _deal_value(random, country, company) if source in _WRITTEN and random.random() < 0.55 else None
    return SyntheticLead(
        source=source,
        external_id=external_id,
        received_at=received_at,
        name=name,
        title=random.choice(TITLES[language]) if random.random() < 0.7 else None,
        email=f"{mailbox}@{'example.com' if private else company.domain}",
        phone=_phone(random, country.phone) if random.random() < 0.75 else None,
        company=company.name,
        domain=None if private else company.domain,
        industry=company.industry if random.random() < 0.93 else None,
        employees=company.employees if random.random() < 0.86 else None,
        country=country.code,
        region=company.city.region,
        city=company.city.name,
        postal_code=company.city.postal_code if random.random() < 0.5 else None,
        language=language,
        product=_product(company.employees) if random.random() < 0.6 else None,
        use_case=use_case if says_more else None,
        deal_value=worth,
        currency=country.currency if worth is not None else None,
        message=_message(random, language, company, source, use_case) if says_more and random.random() < 0.85 else None,
        consent=random.random() < 0.9,
        attributes=_attributes(random, source),
    )


def _person(random: Random, country: Country) -> tuple[str, str]:
    """A full name as it is written at home, and the mailbox such a person would have."""
    given, family = random.choice(country.given), random.choice(country.family)
    mailbox = f"{ascii_of(latin(given))}.{ascii_of(latin(family))}"
    if country.language == "ja":
        at_home = random.random() < 0.6
        return (f"{native(family)} {native(given)}" if at_home else f"{latin(given)} {latin(family)}"), mailbox
    if country.language == "id" and random.random() < 0.15:  # many people there have one name
        return given, ascii_of(given)
    if country.language == "es" and random.random() < 0.3:
        return f"{given} {family} {random.choice(country.family)}", mailbox
    return f"{given} {family}", mailbox


def _phone(random: Random, pattern: str) -> str:
    """E.164, from the country's pattern of numbers that ring nowhere."""
    return "".join(str(random.randrange(10)) if char == "#" else char for char in pattern if char != " ")


def _deal_value(random: Random, country: Country, company: Company) -> float:
    """About 150 dollars' worth a head for a year, less a head in larger companies; two significant digits."""
    amount = 150 * company.employees**0.85 * random.lognormvariate(0, 0.4) * country.money
    return float(f"{amount:.2g}")


def _product(employees: int) -> str:
    return "Starter" if employees < 20 else "Business" if employees < 250 else "Enterprise"


def _message(random: Random, language: str, company: Company, source: str, use_case: str) -> str:
    text = FAIR_MESSAGES[language] if source == "trade_fair" else random.choice(MESSAGES[language])
    return text.format(
        company=company.name,
        use=USE_CASES[use_case][language],
        employees=company.employees,
        city=company.city.name,
    )


def _attributes(random: Random, source: str) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {}
    if source in _CAMPAIGNS:
        attributes["campaign"] = random.choice(_CAMPAIGNS[source])
    if source in ("contact_form", "pricing", "demo_request", "search_ad"):
        attributes["pages_seen"] = 1 + int(random.expovariate(0.35))
        attributes["device"] = random.choice(("computer", "computer", "phone"))
    return attributes
