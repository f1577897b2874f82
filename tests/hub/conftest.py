"""A ledger that plans as the console's story does."""

from collections.abc import AsyncIterator

import pytest

from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from tests.browser.story import open_database


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await open_database(migrated)
    yield opened
    await opened.close()
