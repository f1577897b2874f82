"""The home system over a real database."""

import pytest

from hub.ledger.database import Database
from tests.core_crm.works import Works


@pytest.fixture
def works(database: Database) -> Works:
    return Works(database)
