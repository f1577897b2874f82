"""Somebody else's code speaks with our fake YonBIP.

Yonyou's own SDK cannot be had; but scheme A of its event pushes is, bit for bit, what WeCom does too, so wechatpy
can take them: it opens what our sandbox seals, and our sandbox opens what it answers. Sign-in has the vectors that
the official demos produced (test_signin).
"""

import importlib
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.yonyou.sandbox.gate import APP_KEY, APP_SECRET
from hub import sdk
from tests.connectors.sandboxes import sandbox
from tests.connectors.yonyou.test_sandbox import people, until
from tests.serving import serving

CRYPTO: Any = importlib.import_module("wechatpy.work.crypto")
XML: Any = importlib.import_module("xmltodict")
KEY43 = APP_SECRET.replace("-", "").ljust(43, "0")


class Oracle:
    """A receiver made of wechatpy: it proves and opens each push, and answers success, sealed and signed."""

    def __init__(self) -> None:
        self._crypto = CRYPTO.WeChatCrypto(APP_SECRET, KEY43, APP_KEY)
        self.heard: list[str] = []
        self.app = Starlette(routes=[Route("/", self.hook, methods=["POST"])])

    async def hook(self, request: Request) -> Response:
        told = sdk.loads(await request.body())
        proof = told["msgSignature"], str(told["timestamp"]), told["nonce"]
        self.heard.append(sdk.loads(self._crypto.check_signature(*proof, told["encrypt"]))["type"])
        reply = XML.parse(self._crypto.encrypt_message("success", told["nonce"], str(told["timestamp"])))["xml"]
        body = {"msgSignature": reply["MsgSignature"], "timestamp": reply["TimeStamp"], "nonce": reply["Nonce"]}
        return Response(sdk.dumps({**body, "encrypt": reply["Encrypt"]}))


async def test_wechatpy_as_an_oracle_opens_what_our_sandbox_pushes_and_is_understood(tmp_path: Path) -> None:
    oracle = Oracle()
    with sandbox("yonyou", tmp_path) as running:
        async with serving(oracle.app) as url:
            assert await people(running.url, "callback", url=f"{url}/") == {"ok": True, "detail": ""}
            await people(running.url, "customer", code="C-1", name="甲")
            await until(lambda: "callback.delivered" in [e["effect"] for e in running.effects()])

    assert oracle.heard == ["CHECK_URL", "YXYBASEDOC_AA_MERCHANT_INSERT"]
