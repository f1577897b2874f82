"""Our fake DingTalk. Shares no protocol code with the connector's client."""

from connectors.dingtalk.sandbox.app import sandbox

__all__ = ["sandbox"]
