"""Our fake YonBIP. Shares no protocol code with the connector's client."""

from connectors.yonyou.sandbox.app import sandbox

__all__ = ["sandbox"]
