"""The catalogues of texts: ``python -m tests.web.catalogues`` gathers every text anew and compiles the translations.

What is new comes into each ``.po`` without a translation; what is gone leaves it. A test then says what is missing.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).parents[2] / "src" / "dibs"
LOCALE = SOURCE / "locale"
TONGUES = ("ja", "es", "id")

_METHODS = [
    ("delivery/**.py", "python"),
    ("intake/handing_out.py", "python"),
    ("intake/person_document.py", "python"),
    ("web/**.py", "python"),
    ("web/jinja2/**.html", "jinja2"),
]
_OPTIONS = {"web/jinja2/**.html": {"extensions": "jinja2.ext.do", "newstyle_gettext": "true", "silent": "false"}}
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


def gathered() -> Catalog:
    """Every text of the program, in English."""
    catalog = Catalog(project="Dibs", fuzzy=False)
    found = extract_from_dir(str(SOURCE), _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for name, _line, message, _comments, context in sorted(found, key=lambda entry: (entry[0], entry[1])):
        catalog.add(message, locations=[(name, 0)], context=context)
    return catalog


def po(tongue: str) -> Path:
    return LOCALE / tongue / "LC_MESSAGES" / "django.po"


def read(tongue: str) -> Catalog:
    with po(tongue).open("rb") as file:
        return read_po(file, locale=tongue)


def compiled(catalog: Catalog) -> bytes:
    into = io.BytesIO()
    write_mo(into, catalog)
    return into.getvalue()


def write(tongue: str, catalog: Catalog) -> None:
    po(tongue).parent.mkdir(parents=True, exist_ok=True)
    with po(tongue).open("wb") as file:
        write_po(file, catalog, width=120, ignore_obsolete=True, omit_header=False, include_lineno=False)
    po(tongue).with_suffix(".mo").write_bytes(compiled(catalog))


def fresh(tongue: str) -> Catalog:
    """A catalogue without texts. Indonesian has one form for any number, which Babel does not know of."""
    made = datetime(2026, 1, 1, tzinfo=UTC)
    catalog = Catalog(
        locale=tongue, project="Dibs", version="1", header_comment=f"# Dibs in {tongue}.", msgid_bugs_address="-",
        last_translator="Dibs", language_team="Dibs", creation_date=made, revision_date=made, fuzzy=False,
    )  # fmt: skip
    if tongue == "id":
        catalog._num_plurals, catalog._plural_expr = 1, "0"
    return catalog


def update() -> None:
    """Bring every catalogue into step with the texts."""
    texts = gathered()
    for tongue in TONGUES:
        old = read(tongue) if po(tongue).exists() else fresh(tongue)
        new = fresh(tongue)
        for message in texts:
            if message.id:
                known = old.get(message.id, message.context)
                # A text that came to depend on a number, or no longer does, is a new one.
                same = known is not None and isinstance(known.id, str) == isinstance(message.id, str)
                new.add(
                    message.id, known.string if known and same else None, message.locations, context=message.context
                )
        write(tongue, new)


if __name__ == "__main__":
    update()
