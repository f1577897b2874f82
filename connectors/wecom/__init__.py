"""WeCom (企业微信): customers and their chats in, notices out."""

from connectors.wecom.connector import connector

__all__ = ["connector"]
