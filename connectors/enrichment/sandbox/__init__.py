"""Our fake registries. Share no protocol code with the connector's client."""

from connectors.enrichment.sandbox.app import sandbox

__all__ = ["sandbox"]
