"""Bad manners of the fake mail server: ordered by people, provoked by a recipient, or drawn from the seeded plan."""

from typing import Any

from hub import sdk

RECIPIENTS = {"busy": "451", "nobody": "550", "silent": "drop_after", "cut": "drop_before"}
"""Local parts that provoke a trouble in every mail that goes to them."""
WORDS = {
    "421": "4.3.2 Service shutting down, try again later",
    "450": "4.7.1 Too many mails, slow down",
    "451": "4.3.0 Requested action aborted: local error in processing",
    "535": "Login Fail. Please enter your authorization code to login.",
    "550": "5.1.1 No such recipient",
    "552": "5.2.2 Mailbox is full",
    "554": "5.7.1 DT:SPM Mail content denied",
    "no": "System busy, try again later",
    "bad": "Command not understood",
    "bye": "Session invalidated",
}
DRAWN = {
    "mail": (("throttle", "450"), ("session_loss", "421")),
    "data": (("drop_before", "drop_before"), ("drop_after", "drop_after")),
    "select": (("throttle", "no"), ("session_loss", "bye")),
    "search": (("drop_before", "drop_before"),),
    "fetch": (("drop_before", "drop_before"),),
    "append": (("drop_before", "drop_before"), ("drop_after", "drop_after")),
}


class Troubles:
    """What goes wrong next. At most 1000 orders are kept."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        self._faults = kit.faults
        self._orders: list[dict[str, Any]] = []

    def order(self, asked: dict[str, Any]) -> None:
        """{at, do, times?, to?, text?}: the next times at a command, for a recipient, something goes wrong."""
        if len(self._orders) >= 1000:
            raise sdk.ConfigError("too many troubles are ordered")
        self._orders.append({"times": 1, "to": "", **asked, "do": str(asked["do"]), "at": asked["at"].lower()})

    def due(self, at: str, to: str = "") -> tuple[str, str]:
        """(what, words) that goes wrong at this command, or ("", "")."""
        for order in self._orders:
            if order["at"] == at and order["to"] in ("", to):
                order["times"] -= 1
                self._orders = [each for each in self._orders if each["times"] > 0]
                return order["do"], order.get("text") or WORDS.get(order["do"], "refused on order")
        for fault, what in DRAWN.get(at, ()):
            if self._faults.hit(fault):
                return what, WORDS.get(what, "")
        return "", ""
