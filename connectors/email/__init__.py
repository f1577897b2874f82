"""Mail: what customers write comes in over IMAP, what we write goes out over SMTP."""

from connectors.email.connector import connector

__all__ = ["connector"]
