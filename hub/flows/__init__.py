"""Flows: event (if) → using mapping → do action on connection."""

from hub.flows.catalogue import Catalogue, Files, plain, read_files
from hub.flows.flow import Flow, parse_flow
from hub.flows.plan import plan

__all__ = ["Catalogue", "Files", "Flow", "parse_flow", "plain", "plan", "read_files"]
