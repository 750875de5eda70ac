"""Settings shared by every environment."""

from pathlib import Path

from config import env
from config.kernel.database import connection_settings

BASE_DIR = Path(__file__).resolve().parent.parent.parent
ENV = env.read()

SECRET_KEY = ENV["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ENV["ALLOWED_HOSTS"]
PUBLIC_URL = ENV["PUBLIC_URL"].rstrip("/")

INSTALLED_APPS = [
    "config.kernel",
    "users",
    "organizations",
    "subscriptions",
    "licenses",
    "emails",
    "api",
    "procrastinate.contrib.django",
    "rest_framework",
    "django_filters",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "config.kernel.request_log.RequestLogMiddleware",
    "api.http.metrics.RequestMetricsMiddleware",
    "api.http.answer_signatures.AnswerSignatureMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.http.middleware.TrailingSlashMiddleware",
    "api.http.middleware.NulMiddleware",
    "api.http.middleware.BodySizeMiddleware",
    "api.http.middleware.DatabaseOutageMiddleware",
    "api.http.middleware.ApiPathMiddleware",
    "api.http.middleware.PageSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "api.http.middleware.PageCsrfMiddleware",
    "api.http.middleware.PageUserMiddleware",
    "api.http.middleware.PageMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False

CSRF_FAILURE_VIEW = "api.http.errors.csrf_failed"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# `default` is the process's own role, behind the tenant walls; `aside` is the same for what must outlive a refusal;
# `system` is the door (config/kernel/tenancy.py).
DATABASES = {
    "default": connection_settings(ENV["DATABASE_URL"], pool_size=ENV["DATABASE_POOL_SIZE"]),
    "aside": connection_settings(ENV["DATABASE_URL"], pool_size=2),
    "system": connection_settings(ENV["DATABASE_SYSTEM_URL"], pool_size=4),
}
DATABASE_ROUTERS = ["config.kernel.tenancy.SystemDoorRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = ENV["REDIS_URL"]
RATELIMIT_ENABLE = ENV["RATELIMIT_ENABLE"]
# By how much every limit is raised: benchmarks play thousands from one address, and are to pay for counting them.
RATE_LIMIT_FACTOR = 1
TRUSTED_PROXY_COUNT = ENV["TRUSTED_PROXY_COUNT"]

AUTH_USER_MODEL = "users.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "users.passwords.LengthValidator"},
    {"NAME": "users.passwords.CharacterClassesValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "full_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STRIPE_SECRET_KEY = ENV["STRIPE_SECRET_KEY"]
STRIPE_WEBHOOK_SECRETS = ENV["STRIPE_WEBHOOK_SECRETS"]
STRIPE_API_BASE = ENV["STRIPE_API_BASE"]
CHECKOUT_REDIRECT_ORIGINS = ENV["CHECKOUT_REDIRECT_ORIGINS"]

FIREBASE_PROJECT_ID = ENV["FIREBASE_PROJECT_ID"]
FIREBASE_CREDENTIALS = ENV["FIREBASE_CREDENTIALS"]
FIREBASE_SIGN_IN_PROVIDERS = ENV["FIREBASE_SIGN_IN_PROVIDERS"]
FIREBASE_SYNC_USERS = ENV["FIREBASE_SYNC_USERS"]
FIREBASE_API_BASE = ENV["FIREBASE_API_BASE"].rstrip("/")
# The SDK reads this variable by itself, on every call; it is here so that a deployment which has it refuses to start.
FIREBASE_AUTH_EMULATOR_HOST = ENV["FIREBASE_AUTH_EMULATOR_HOST"]
FIREBASE_EMULATOR_ALLOWED = False

EMAIL_PROVIDER = ENV["EMAIL_PROVIDER"]
EMAIL_FROM = ENV["EMAIL_FROM"]
SMTP_URL = ENV["SMTP_URL"]
SENDGRID_API_KEY = ENV["SENDGRID_API_KEY"]
SENDGRID_API_BASE = ENV["SENDGRID_API_BASE"].rstrip("/")
SENDGRID_TEMPLATES = ENV["SENDGRID_TEMPLATES"]
SENDGRID_WEBHOOK_PUBLIC_KEYS = ENV["SENDGRID_WEBHOOK_PUBLIC_KEYS"]
EXPOSE_VERIFICATION_TOKEN = ENV["EXPOSE_VERIFICATION_TOKEN"]
LOCAL_MAILBOX = False

SEAT_LEASE_SECONDS = ENV["SEAT_LEASE_SECONDS"]
SESSION_RETENTION_DAYS = ENV["SESSION_RETENTION_DAYS"]

METRICS_TOKEN = ENV["METRICS_TOKEN"]
METRICS_OPEN = False
WORKER_METRICS_ADDRESS = ENV["WORKER_METRICS_ADDRESS"]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

STATIC_URL = "/static/"
# Served from the packages they come in (the admin's, Swagger UI's); an image may collect them once instead.
WHITENOISE_USE_FINDERS = True

from config.settings.api import *  # noqa: E402
from config.settings.keys import *  # noqa: E402
from config.settings.logs import *  # noqa: E402
from config.settings.queue import *  # noqa: E402
