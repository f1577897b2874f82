"""The only place where the rooms meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import hub
from hub import inbound
from hub.ledger.database import Database, Unavailable
from hub.registry import Registry
from hub.settings import Settings


def create_app(settings: Settings, database: Database, registry: Registry) -> FastAPI:
    """The API process: the hooks and the pages an operator's monitoring asks. Closes what it was given at the end."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await registry.close()
        await database.close()

    app = FastAPI(title="连枢 Lianshu", version=hub.__version__, lifespan=lifespan)
    app.include_router(inbound.router(database, registry, settings.max_body_bytes))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        try:
            await database.tenants()
        except Unavailable as error:
            response.status_code = 503
            return {"postgresql": error.message}
        return {"postgresql": "ok"}

    @app.get("/version")
    async def version() -> dict[str, str]:
        return {"version": hub.__version__}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app
