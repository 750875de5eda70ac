"""Fixtures of tests about mail."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from deploy.local.sendgrid.server import Sink
from tests import journey
from tests.api.beneath import as_owner
from tests.emails.sendgrid import sending_to_sink


@pytest.fixture
def organization(db: None) -> UUID:
    """Return an organization whose own first mails are gone."""
    found = UUID(journey.sign_up().organization_id)
    as_owner("delete from emails_emaillog")
    as_owner("delete from procrastinate_jobs")
    return found


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    """Return a SendGrid that this process sends to."""
    with sending_to_sink(settings) as running:
        yield running
