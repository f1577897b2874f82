"""Our fake WeCom. Shares no protocol code with the connector's client."""

from connectors.wecom.sandbox.app import sandbox

__all__ = ["sandbox"]
