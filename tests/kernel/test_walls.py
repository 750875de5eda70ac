"""The walls between organizations, read from the catalogue and tried with raw SQL."""

import pytest
from django.db import connection

from config.kernel import catalogue

pytestmark = pytest.mark.usefixtures("db")


class TestCatalogue:
    def test_finds_no_hole(self) -> None:
        with connection.cursor() as cursor:
            assert catalogue.wall_faults(cursor) == []
