"""Our fake Kingdee. Shares no protocol code with the connector's client."""

from connectors.kingdee.sandbox.app import sandbox

__all__ = ["sandbox"]
