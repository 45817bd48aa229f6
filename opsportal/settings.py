"""Django settings. Everything that differs between machines comes from the environment.

OPSPORTAL_DATA       data folder (default .data in the checkout)
DATABASE_URL         Postgres with pgvector; `manage.py` fills it in from the running copy when it is not set
REDIS_URL            Redis or Valkey, the same
OPSPORTAL_DB_POOL    most connections of this process; 0 (default) is no pool
OPSPORTAL_URL        where the other processes reach the web server
OPSPORTAL_LOOKS_ONLY this process may look at the systems under care and change nothing there: workers do
OPSPORTAL_APPROVAL_SECONDS  a request that waits is measured and asked again after so long (default 300)
OPSPORTAL_SECRET_KEY, OPSPORTAL_HOSTS, OPSPORTAL_ORIGINS, OPSPORTAL_DEBUG, OPSPORTAL_LOG_LEVEL
Each may instead stand in a file, which NAME_FILE names.
"""

import logging
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()

OPSPORTAL_DATA = Path(env.str("OPSPORTAL_DATA", default=str(BASE_DIR / ".data"))).resolve()
TESTING = env.bool("OPSPORTAL_TESTING", default=False)
DEBUG = env.bool("OPSPORTAL_DEBUG", default=False)


def _secret_key() -> str:
    """The key of the environment, else of the data folder, else one that lives as long as this process."""
    if key := env.str("OPSPORTAL_SECRET_KEY", default=""):
        return str(key).strip()
    try:
        return (OPSPORTAL_DATA / "secret_key").read_text().strip()
    except OSError:
        return secrets.token_urlsafe(48)


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.list("OPSPORTAL_HOSTS", default=[])]
if _own_host := urlsplit(env.str("OPSPORTAL_URL", default="")).hostname:
    ALLOWED_HOSTS.append(_own_host)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("OPSPORTAL_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "ninja",
    "systems",
    "incidents",
    "knowledge",
    "actions",
    "agent",
    "chaos",
    "opsportal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "opsportal.packed.PackedFiles",
    # Of secrets a page has only tokens for its forms, masked anew each time, and the length of all is made uncertain.
    "django.middleware.gzip.GZipMiddleware",
    "opsportal.inputgate.InputGate",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "opsportal.doors.guard.Doors",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "opsportal.urls"
ASGI_APPLICATION = "opsportal.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Nothing listens on port 1: without DATABASE_URL only commands that need no database work.
DATABASE_URL = env.str("DATABASE_URL", default="postgresql://opsportal@127.0.0.1:1/opsportal").strip()
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:1/0").strip()
# An approval that nobody used lapses after the same time. Below some seconds nobody could read what they decide on.
OPSPORTAL_APPROVAL_SECONDS: int = max(5, env.int("OPSPORTAL_APPROVAL_SECONDS", default=300))
OPSPORTAL_LOOKS_ONLY: bool = env.bool("OPSPORTAL_LOOKS_ONLY", default=False)


def _database() -> dict[str, Any]:
    """The default database. OPSPORTAL_DB_POOL, set for the long-running processes, gives each a pool."""
    config: dict[str, Any] = environ.Env.db_url_config(DATABASE_URL)
    config["CONN_MAX_AGE"] = 0
    options = config.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    options.setdefault("application_name", env.str("OPSPORTAL_PROCESS", default="opsportal"))
    if size := env.int("OPSPORTAL_DB_POOL", default=0):
        config["CONN_HEALTH_CHECKS"] = True
        options["pool"] = {"min_size": 1, "max_size": size, "timeout": 10, "max_idle": 120}
    return config


DATABASES = {"default": _database()}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "opsportal",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
# Several copies on one host differ only by port, and cookies ignore ports.
SESSION_COOKIE_NAME = env.str("OPSPORTAL_SESSION_COOKIE", default="opsportal_session")
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]
if static_root := env.str("OPSPORTAL_STATIC_ROOT", default=""):
    STATIC_ROOT = static_root
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG or TESTING  # else each test client reads all files anew


def _worth_logging(record: logging.LogRecord) -> bool:
    """A 503 of /healthz is an answer, not an error; and a sweep of the gate is no news."""
    if record.levelno <= logging.INFO and "actions.sweep[" in record.getMessage():
        return False
    path = getattr(getattr(record, "request", None), "path", "")
    return not (path == "/healthz" and getattr(record, "status_code", 0) == 503)


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "worth": {"()": "django.utils.log.CallbackFilter", "callback": _worth_logging},
    },
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["worth"]}},
    "root": {"handlers": ["stderr"], "level": env.str("OPSPORTAL_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "django.channels.server": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
    },
}
