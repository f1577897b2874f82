"""DingTalk (钉钉): approvals out, their decisions in."""

from connectors.dingtalk.connector import connector

__all__ = ["connector"]
