"""The one door: everything a connector or the home system may use. Import it as `from hub import sdk`."""

from hub.domain import company_name, credit_code
from hub.domain.errors import (
    Ambiguous,
    BadSignature,
    ConfigError,
    HubError,
    MappingError,
    NeedsReauth,
    NotReady,
    Rejected,
    Throttled,
    Transient,
    Unreadable,
    VendorError,
)
from hub.domain.event import Inbound, Nudge
from hub.domain.ids import new_id
from hub.domain.text import Text
from hub.sdk.answers import Answer, ErrorTable, Refusal, Row
from hub.sdk.auth import AuthKit, Token, TokenAuth
from hub.sdk.callbacks import Callback, Reply, Verified
from hub.sdk.connector import Action, Connector, Effect, Find, Item, Limits, Made, Page, Pages
from hub.sdk.context import Context
from hub.sdk.exact import Json, dumps, loads
from hub.sdk.files import File
from hub.sdk.home import Edit, HomeSystem, Kind, Origin, Principal, Problem, Seen, Unit, Work, fingerprint
from hub.sdk.memory import LocalMemory, Memory
from hub.sdk.sandbox import Sandbox, SandboxKit
from hub.sdk.sealing import SealedBox

__all__ = [
    "Action",
    "Ambiguous",
    "Answer",
    "AuthKit",
    "BadSignature",
    "Callback",
    "ConfigError",
    "Connector",
    "Context",
    "Edit",
    "Effect",
    "ErrorTable",
    "File",
    "Find",
    "HomeSystem",
    "HubError",
    "Inbound",
    "Item",
    "Json",
    "Kind",
    "Limits",
    "LocalMemory",
    "Made",
    "MappingError",
    "Memory",
    "NeedsReauth",
    "NotReady",
    "Nudge",
    "Origin",
    "Page",
    "Pages",
    "Principal",
    "Problem",
    "Refusal",
    "Rejected",
    "Reply",
    "Row",
    "Sandbox",
    "SandboxKit",
    "SealedBox",
    "Seen",
    "Text",
    "Throttled",
    "Token",
    "TokenAuth",
    "Transient",
    "Unit",
    "Unreadable",
    "Verified",
    "VendorError",
    "Work",
    "company_name",
    "credit_code",
    "dumps",
    "fingerprint",
    "loads",
    "new_id",
]
