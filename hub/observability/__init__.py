"""Logs and metrics. Knows nothing of the rest of the hub."""

from hub.observability.logs import configure_logs
from hub.observability.metrics import render_metrics

__all__ = ["configure_logs", "render_metrics"]
