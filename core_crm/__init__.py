"""The home system: a lean CRM. Knows no vendor."""

from pathlib import Path

from core_crm.actions import home
from core_crm.api import router

MIGRATIONS = Path(__file__).with_name("migrations")

__all__ = ["MIGRATIONS", "home", "router"]
