"""Logging: JSON lines on standard output, each with its request id, secrets masked."""

from config.env import read

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "config.kernel.request_log.RequestIdFilter"},
    },
    "formatters": {
        "json": {
            "()": "config.kernel.request_log.MaskingJsonFormatter",
            "fmt": "%(levelname)s %(name)s %(message)s %(request_id)s",
            "rename_fields": {"levelname": "level", "name": "logger"},
            "timestamp": "time",  # UTC, ISO 8601
        },
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "json",
            "filters": ["request"],
        },
    },
    "root": {"handlers": ["stdout"], "level": read()["LOG_LEVEL"]},
    "loggers": {
        # Whatever LOG_LEVEL says: these lines are evidence (users/checkpoints.py).
        "audit.checkpoint": {"level": "INFO"},
        "django.server": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
        "procrastinate": {"level": "WARNING"},
        # SendGrid's client writes its key and whole mails to its log at DEBUG.
        "python_http_client": {"level": "WARNING"},
        # Refused requests are answers, not incidents; the request log has them already.
        "django.request": {"level": "ERROR"},
    },
}
