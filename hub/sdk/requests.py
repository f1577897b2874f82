"""A request whose JSON is read exactly, for every route that takes one."""

from starlette.requests import Request

from hub.domain.errors import Unreadable
from hub.sdk.exact import Json, loads


class ExactRequest(Request):
    """A request whose JSON is read by the one exact reader."""

    async def json(self) -> Json:
        """The body; what cannot be read is None here, and kept as `state.unreadable`.

        So it is refused as such only once the caller is known to be allowed.
        """
        try:
            return loads(await self.body())
        except Unreadable as error:
            self.state.unreadable = error
            return None
