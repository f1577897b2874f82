"""What the streams of a tenant were learned to look like, by the names of their events."""

from hub.ledger import streams
from hub.ledger.connections import everyone
from hub.mapping.shapes.shape import EMPTY, Shape
from hub.sdk.home import Unit


async def learned(unit: Unit) -> dict[str, Shape]:
    """Full name of an event, such as "kingdee.receipt.booked" → its shape over all connections of that system."""
    found: dict[str, Shape] = {}
    systems = {stored.name: stored.connector for stored in await everyone(unit)}
    for each in await streams.everyone(unit):
        event = f"{systems.get(each.connection, each.connection)}.{each.type}"
        found[event] = found.get(event, EMPTY) | Shape.from_json(each.shape)
    return found
