"""The world of the two books over a ledger of its own."""

from collections.abc import AsyncIterator

import pytest

from hub.embedded.postgres import Addresses
from tests.hub.deploy.books import World


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    opened = await World(migrated).open()
    yield opened
    await opened.close()
