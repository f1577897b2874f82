"""Our fake mail provider. Shares no protocol code with the connector's client."""

from connectors.email.sandbox.app import sandbox

__all__ = ["sandbox"]
