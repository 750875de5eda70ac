"""Fixtures of the API's tests."""

import copy
import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.api.raw import quiet


@pytest.fixture
def api() -> APIClient:
    """Return a client without credentials that gets a 500 as an answer, as a real caller does."""
    return quiet(APIClient())


@pytest.fixture
def json_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what reads the lines that a process would have written, made by the very handler the settings describe."""
    described: dict[str, Any] = copy.deepcopy(dict(settings.LOGGING))
    configurator = logging.config.DictConfigurator(described)
    stdout = described["handlers"]["stdout"]
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(configurator.configure_formatter(described["formatters"][stdout["formatter"]]))
    for name in stdout["filters"]:
        handler.addFilter(configurator.configure_filter(described["filters"][name]))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.setLevel(before)
    root.removeHandler(handler)
