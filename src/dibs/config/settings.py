"""Settings, from the environment. `dibs.config.database` says where the database is."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("DIBS_SECRET_KEY", "insecure-only-for-tests")
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "dibs.people",
    "dibs.crm",
    "dibs.delivery",
    "dibs.distribution",
    "dibs.intake",
]
AUTH_USER_MODEL = "people.User"
ROOT_URLCONF = "dibs.config.urls"
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("PGDATABASE", "dibs"),
        "HOST": os.environ.get("PGHOST", ""),
        "USER": os.environ.get("PGUSER", "dibs"),
        "PORT": os.environ.get("PGPORT", ""),
    }
}
