"""A quota under many callers at once: exactly what is allowed is given out, and what was rolled back was not used."""

from uuid import UUID

import pytest

from config.kernel.tenancy import organization_context
from organizations.errors import QuotaExceeded
from organizations.models import QuotaName
from organizations.services import quotas
from tests import journey
from tests.api.beneath import as_owner, at_once

pytestmark = pytest.mark.usefixtures("db")


class TestTake:
    def test_by_fifty_at_once_gives_out_exactly_what_is_allowed(self) -> None:
        organization_id = UUID(journey.sign_up().organization_id)
        as_owner("update organizations_quota set allowed = 20 where name = 'memory_sessions'")

        def one(index: int) -> bool:
            try:
                with organization_context(organization_id):
                    quotas.take(name=QuotaName.MEMORY_SESSIONS)
                    _ = 1 // (index % 5)  # every fifth fails after it has taken
            except (QuotaExceeded, ZeroDivisionError):
                return False
            return True

        taken = sum(at_once(50, one))
        ((used,),) = as_owner("select used from organizations_quota where name = 'memory_sessions'")
        assert taken == used == 20

    def test_of_several_takes_all_or_none(self) -> None:
        organization_id = UUID(journey.sign_up().organization_id)
        as_owner("update organizations_quota set allowed = 10 where name = 'memory_sessions'")
        with organization_context(organization_id):
            quotas.take(name=QuotaName.MEMORY_SESSIONS, amount=7)
        with pytest.raises(QuotaExceeded) as refused, organization_context(organization_id):
            quotas.take(name=QuotaName.MEMORY_SESSIONS, amount=4)
        assert refused.value.extra == {"quota": "memory_sessions", "limit": 10, "used": 7}

    def test_of_no_limit_always_succeeds(self) -> None:
        organization_id = UUID(journey.sign_up().organization_id)
        as_owner("update organizations_quota set allowed = null where name = 'members'")
        with organization_context(organization_id):
            quotas.take(name=QuotaName.MEMBERS, amount=1_000_000)
