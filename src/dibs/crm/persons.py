"""What a person is known by: how two messages are told to come from one and the same."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from dibs.crm.lookup import folded

#: Mailboxes that are a company's and not a person's, in the languages of the field.
_WORDS = """
    info information contact contacto kontakt kontak sales ventas vendas penjualan vertrieb hello hola hi office oficina buero admin
    administration administracion support soporte help helpdesk ayuda bantuan service servicio services cs customerservice mail
    email enquiries enquiry inquiries inquiry marketing pemasaran hr jobs careers recruitment press media team equipo billing
    accounts accounting finance keuangan finanzas facturacion invoice invoices procurement purchasing purchase compras pembelian
    einkauf orders pedidos order noreply no-reply donotreply postmaster webmaster web root it itsupport general reception recepcion
    soumu eigyo toiawase otoiawase madoguchi
"""
SHARED = frozenset(_WORDS.replace("-", "").split())
#: Mail providers at which dots in a name count for nothing, each with the name it is known by.
_NO_DOTS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
#: The longest name that is told apart from another, in characters.
_NAME = 100
_APART = re.compile(r"[\W_]+")


class Known(NamedTuple):
    """One thing that a person is known by; see `dibs.crm.models.KnownBy`."""

    value: str
    name: str

    @property
    def own(self) -> bool:
        """Whether nobody else has it: a mailbox of their own."""
        return self.name == "" and "@" in self.value


def known_by(email: str | None, phone: str | None, name: str | None, flags: Collection[str] = ()) -> tuple[Known, ...]:
    """What the person of a lead with these is known by. What could not be right (``flags``) is nothing to know anybody by."""
    called = name_key(name)
    known = []
    if email and "@" in email and "email_invalid" not in flags:
        address, own = mailbox(email)
        if own or called:
            known.append(Known(address, "" if own else called))
    if phone and phone.startswith("+") and called and "phone_invalid" not in flags:
        known.append(Known(phone, called))
    return tuple(known)


@lru_cache(maxsize=65536)
def mailbox(email: str) -> tuple[str, bool]:
    """The mailbox that mail to this address comes to, and whether it is a person's own. ``a.b+news@gmail.com`` is ``ab@gmail.com``."""
    box, _, domain = email.lower().rpartition("@")
    box = box.partition("+")[0] or box
    if domain in _NO_DOTS:
        box, domain = box.replace(".", "") or box, _NO_DOTS[domain]
    return f"{box}@{domain}", box.replace(".", "").replace("-", "") not in SHARED


@lru_cache(maxsize=65536)
def name_key(name: str | None) -> str:
    """A person's name as names are compared: words folded, without punctuation, in one order. "" for none."""
    if not name:
        return ""
    return " ".join(sorted(_APART.sub(" ", folded(name)).split()))[:_NAME]
