"""Webhooks: events out to any subscriber, events in from any sender."""

from connectors.webhook.connector import connector

__all__ = ["connector"]
