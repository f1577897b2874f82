"""The home system: a lean CRM. Knows no vendor."""
