"""Mappings on trial: what their examples cover, and what a changed one would have made of what came in."""
