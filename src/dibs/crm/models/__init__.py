"""What is sold to: leads, the accounts and contacts they belong to, and what becomes of them."""

from __future__ import annotations

from dibs.crm.models.customers import Account, AccountMark, Contact, DoNotContact
from dibs.crm.models.leads import Helper, KnownBy, Lead, Merge, NearMiss, Touch
from dibs.crm.models.work import Activity, Appointment, Assessed, Campaign, Note, Opportunity, Piece, Sent

__all__ = [
    "Account",
    "AccountMark",
    "Activity",
    "Appointment",
    "Assessed",
    "Campaign",
    "Contact",
    "DoNotContact",
    "Helper",
    "KnownBy",
    "Lead",
    "Merge",
    "NearMiss",
    "Note",
    "Opportunity",
    "Piece",
    "Sent",
    "Touch",
]
