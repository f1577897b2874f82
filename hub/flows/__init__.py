"""Flows: event (if) → using mapping → do action on connection."""

from hub.flows.catalogue import Catalogue, Files, read_files
from hub.flows.flow import Flow, parse_flow
from hub.flows.plan import plan

__all__ = ["Catalogue", "Files", "Flow", "parse_flow", "plan", "read_files"]
