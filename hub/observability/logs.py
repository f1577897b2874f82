"""Logs: one JSON object per line, ours and every library's alike."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure_logs(level: str = "INFO", stream: TextIO = sys.stderr) -> None:
    """Send every log line to `stream` as JSON with `at`, `level`, `logger`, `event`. Safe to repeat.

    uvicorn's own handlers are taken away, so start it with `log_config=None`.
    """
    at = structlog.processors.EventRenamer("event")
    json = structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=True)
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=[drop, at, json]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("arq", "httpx"):  # one line for each wake-up and each call says nothing: attempts keep the calls
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
