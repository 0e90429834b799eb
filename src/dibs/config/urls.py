"""Every address Dibs answers at."""

from __future__ import annotations

from django.urls import include, path

from dibs.config import probes

urlpatterns = [
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.metrics, name="metrics"),
    path("api/", include("dibs.api.urls")),
    path("account/", include("allauth.urls")),
    path("", include("dibs.web.urls")),
]
handler500 = "dibs.config.answering.server_error"
