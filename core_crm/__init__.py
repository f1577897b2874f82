"""The home system: a lean CRM. Knows no vendor. Its routes stand in `core_crm.api`, for the API alone."""

from pathlib import Path

from core_crm.actions import home

MIGRATIONS = Path(__file__).with_name("migrations")

__all__ = ["MIGRATIONS", "home"]
