"""Our fake partner. Shares no protocol code with the connector's client."""

from connectors.webhook.sandbox.app import sandbox

__all__ = ["sandbox"]
