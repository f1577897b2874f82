"""Company names as registries send them; how they are compared and spelled, `sdk.company_name` says."""

import re

from hub import sdk

TAGS = re.compile(r"</?em\b[^>]*>", re.IGNORECASE)


def plain(text: str) -> str:
    """As it is shown: without the marks of a search."""
    return TAGS.sub("", text).strip()


def key(text: str) -> str:
    """What two spellings of one name share."""
    return sdk.company_name.key(plain(text))


def official(text: str) -> str:
    """As registries print it."""
    return sdk.company_name.official(plain(text))
