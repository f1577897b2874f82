"""Real PostgreSQL and Redis from wheels."""

import warnings

warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
