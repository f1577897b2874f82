"""Ids are text with a prefix that says what they name: evt_ dlv_ att_ con_."""

import secrets
import time


def new_id(prefix: str) -> str:
    """Return a new id: prefix, 12 hex digits of milliseconds (so ids sort by time), 16 random hex digits."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"
