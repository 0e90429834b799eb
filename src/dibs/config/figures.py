"""The figures behind ``/metrics``. Each scrape asks the database, so that every web process says the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from django.db import connection
from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import dibs
from dibs.people.models import Workspace
from dibs.people.tenancy import within


class Work(Collector):
    """Leads by state, what is overdue and what has not been delivered, by workspace."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        leads = GaugeMetricFamily("dibs_leads", "Leads that are not finished, by state", labels=["workspace", "state"])
        overdue = GaugeMetricFamily("dibs_leads_overdue", "Leads whose due time has passed", labels=["workspace"])
        late = GaugeMetricFamily(
            "dibs_tick_lateness_seconds", "How long the longest overdue lead has been due", labels=["workspace"]
        )
        undelivered = GaugeMetricFamily("dibs_outbox_undelivered", "Events not yet delivered", labels=["workspace"])
        for workspace in Workspace.objects.order_by("slug"):
            slug = workspace.slug
            with within(workspace.id), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT state, count(*) FROM crm_lead WHERE workspace_id = %s GROUP BY 1", [workspace.id]
                )
                for state, count in cursor.fetchall():
                    leads.add_metric([slug, state], count)
                cursor.execute(
                    "SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)), 0) FROM crm_lead"
                    " WHERE workspace_id = %s AND due_at <= now()",
                    [workspace.id],
                )
                count, seconds = cursor.fetchone()
                overdue.add_metric([slug], count)
                late.add_metric([slug], float(seconds))
                cursor.execute(
                    "SELECT count(*) FROM delivery_outbox WHERE workspace_id = %s AND delivered_at IS NULL"
                    " AND deliver_at IS NOT NULL",
                    [workspace.id],
                )
                undelivered.add_metric([slug], cursor.fetchone()[0])
        yield from (leads, overdue, late, undelivered)


@cache
def registry() -> CollectorRegistry:
    figures = CollectorRegistry(auto_describe=False)
    PlatformCollector(figures)
    ProcessCollector(registry=figures)
    Info("dibs", "The version that answers", registry=figures).info({"version": dibs.__version__})
    figures.register(Work())
    return figures
