"""Settings, from the environment; each is described in ``docs/reference/settings.md``."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from dibs.config import logs
from dibs.config.database import data_folder, django_database, libpq_database

BASE_DIR = Path(__file__).resolve().parent.parent

# `dibs` puts the key of the data folder here. A process without one gets a key of its own rather than a known one.
SECRET_KEY = os.environ.get("DIBS_SECRET_KEY") or secrets.token_urlsafe(48)
DEBUG = False
ALLOWED_HOSTS = os.environ.get("DIBS_HOSTS", "*").split(",")
HTTPS = os.environ.get("DIBS_HTTPS", "") == "1"

DATABASES = {
    "default": django_database(os.environ["DATABASE_URL"]) if os.environ.get("DATABASE_URL") else libpq_database()
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "django_htmx",
    "procrastinate.contrib.django",
    "dibs.people",
    "dibs.crm",
    "dibs.delivery",
    "dibs.distribution",
    "dibs.intake",
    "dibs.insight",
    "dibs.api",
    "dibs.web",
]
ROOT_URLCONF = "dibs.config.urls"
WSGI_APPLICATION = "dibs.config.wsgi.application"

MIDDLEWARE = [
    "dibs.config.answering.Headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dibs.config.answering.Pages",
    "allauth.account.middleware.AccountMiddleware",
]
# What a page needs and a program's call does not: see `answering.Pages`, which runs these for everything but /api/ and the
# probes. A claim by API pays for none of them.
PAGE_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "NAME": "jinja2",
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "APP_DIRS": True,
        "OPTIONS": {
            "environment": "dibs.web.environment.environment",
            "context_processors": ["django.contrib.messages.context_processors.messages"],
        },
    },
    {
        # allauth's own pages, where Dibs has none in their place.
        "NAME": "django",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(BASE_DIR / "web" / "templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
# scrypt costs an attacker memory as well as time, and a login a tenth of a second.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "dibs.config.login.Login"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
# Who has no account here is sent nothing: anybody can type in anybody's address.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "dibs_session"
CSRF_COOKIE_NAME = "dibs_csrf"
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("DIBS_ORIGINS", "").split(",") if origin]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# 1,000 leads with long messages fit; see `api` for the limits of single fields.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024

#: The largest file that is taken by the pages and the API, in bytes.
UPLOAD_LARGEST = int(os.environ.get("DIBS_UPLOAD_MB", "100")) << 20

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語"), ("es", "Español"), ("id", "Bahasa Indonesia")]
LANGUAGE_COOKIE_NAME = "dibs_language"
LOCALE_PATHS = [str(BASE_DIR / "locale")]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

EMAIL_HOST = os.environ.get("DIBS_SMTP_HOST", "")
# Without a mail server mails are laid down as files: nothing leaves the house because somebody forgot to say where to.
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "dibs.delivery.mail_files.EmailBackend"
EMAIL_FILE_PATH = os.environ.get("DIBS_MAIL_FOLDER") or str(data_folder() / "mails")
EMAIL_PORT = int(os.environ.get("DIBS_SMTP_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("DIBS_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("DIBS_SMTP_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("DIBS_SMTP_TLS", "") == "1"
EMAIL_USE_SSL = os.environ.get("DIBS_SMTP_TLS", "") == "always"
#: Seconds that a mail server has to answer.
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("DIBS_MAIL_FROM", "dibs@localhost")
#: The address of the pages as people outside reach it, without a slash at its end: mails link to it.
PUBLIC_URL = os.environ.get("DIBS_URL", "http://localhost:8000").rstrip("/")
#: Where those who answer a mail with the word "unsubscribe" would write to, beside the link.
UNSUBSCRIBE_MAILBOX = os.environ.get("DIBS_UNSUBSCRIBE_MAILBOX", "")

#: Where a browser opens the live stream: a whole address (behind a proxy that maps it), or else this port of the page's host.
STREAM_URL = os.environ.get("DIBS_STREAM_URL", "")
STREAM_PORT = int(os.environ.get("DIBS_STREAM_PORT", "8001"))
#: Whoever brings this token may read /metrics from elsewhere; without one only this machine may.
METRICS_TOKEN = os.environ.get("DIBS_METRICS_TOKEN", "")

#: Whether reps' calendars may lie on this machine or its network, and not on the public internet alone.
PRIVATE_CALENDARS = os.environ.get("DIBS_PRIVATE_CALENDARS", "") == "1"

LOGGING_CONFIG = None
logs.set_up(json=os.environ.get("DIBS_LOG", "") == "json", level=os.environ.get("DIBS_LOG_LEVEL", "INFO"))

SILENCED_SYSTEM_CHECKS = [
    # A unique constraint on lower(email) says what `unique=True` would, and more.
    "auth.W004",
]
