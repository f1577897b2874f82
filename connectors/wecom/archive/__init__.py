"""Chat archive (会话内容存档): messages through the vendor's native library, kept in a process of its own."""

from connectors.wecom.archive.pull import pull_messages

__all__ = ["pull_messages"]
