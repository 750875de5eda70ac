"""Logging: JSON lines on standard output, each with its request id, secrets masked; a command's on standard error."""

import sys
from pathlib import Path

from config.env import read

# What a command finds out is read by a person, or by another command: nothing else is to stand in between.
_SERVES = Path(sys.argv[0]).name != "manage.py" or sys.argv[1:2] == ["worker"]

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
        "console": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout" if _SERVES else "ext://sys.stderr",
            "formatter": "json",
            "filters": ["request"],
        },
    },
    "root": {"handlers": ["console"], "level": read()["LOG_LEVEL"]},
    "loggers": {
        # Whatever LOG_LEVEL says: these lines are evidence (users/checkpoints.py).
        "audit.checkpoint": {"level": "INFO"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "procrastinate": {"level": "WARNING"},
        # SendGrid's client writes its key and whole mails to its log at DEBUG.
        "python_http_client": {"level": "WARNING"},
        # Refused requests are answers, not incidents; the request log has them already.
        "django.request": {"level": "ERROR"},
    },
}
