"""Yonyou YonBIP / YonSuite."""

from connectors.yonyou.connector import connector

__all__ = ["connector"]
