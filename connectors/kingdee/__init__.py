"""Kingdee Cloud Galaxy (金蝶云星空): customers, receivables, receipts, over its WebAPI."""

from connectors.kingdee.connector import connector

__all__ = ["connector"]
