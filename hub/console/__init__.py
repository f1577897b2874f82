"""The web console over the API's own queries: server-rendered, no script. Composed by hub.main."""

from hub.console.pages import router

__all__ = ["router"]
