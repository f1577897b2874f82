"""Ids are text with a prefix that says what they name: evt_ dlv_ att_ con_."""

import secrets
import time
from datetime import datetime


def new_id(prefix: str) -> str:
    """Return a new id: prefix, 12 hex digits of milliseconds (so ids sort by time), 16 random hex digits."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def id_at(prefix: str, moment: datetime) -> str:
    """Where the ids made from this moment on begin."""
    return f"{prefix}_{max(int(moment.timestamp() * 1000), 0):012x}"
