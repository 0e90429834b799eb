"""Readers of mails, workers who send them and reps, as processes of their own: what one of them does."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any


def take_part(job: tuple[str, Any, datetime]) -> Counter[str]:
    """Tick, send, follow links, be engaged and claim, as told."""
    from dibs.crm.arrival import Enrichment, Touching
    from dibs.delivery import unsubscribing
    from dibs.distribution import claiming, nurturing, refusing
    from dibs.distribution.placing import enrich
    from dibs.distribution.ticking import tick
    from dibs.people.caller import caller_of
    from dibs.people.models import User
    from dibs.people.tenancy import enter

    what, about, now = job
    done: Counter[str] = Counter()
    match what:
        case "tick":
            done += tick(now, batch=25).moved
        case "send":
            enter(about)
            while (sent := nurturing.send(about, lambda: now)).counts != (0, 0, 0, 0):
                done += Counter(sent=sent.sent, stopped=sent.stopped, failed=sent.failed + sent.put_off)
        case "follow":
            for text in about:
                link = unsubscribing.read(text)
                assert link is not None
                told = refusing.refuse_by_link(link.workspace_id, link.lead_id, link.digest, link.shown, now)
                done += Counter(listed=told.entries, told=told.leads)
        case "open":
            workspace_id, leads = about
            enter(workspace_id)
            for lead in leads:
                enrich(workspace_id, [Enrichment(lead, {}, Touching(now, "open", "mailer", count=2))], now=now)
        case "claim":
            user_id, leads = about
            caller = caller_of(User.objects.get(id=user_id))
            for lead in leads:
                done["claimed"] += isinstance(claiming.claim_lead(caller, lead, now), claiming.Claimed)
    return done
