"""Business registries (天眼查, 企查查): a company by its name or code, behind one neutral model."""

from connectors.enrichment.connector import connector

__all__ = ["connector"]
