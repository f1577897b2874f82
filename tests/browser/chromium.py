"""Headless Chromium over the DevTools protocol: open pages, look, and hear what goes wrong. Install: install.sh."""

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--host-resolver-rules=MAP hub.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
PATIENCE_S = 30.0
DOMAINS = ("Page", "Runtime", "Log", "Network")


class Page:
    """One tab. `wrong` gathers console errors, CSP violations, dialogs, failed requests; `asked` every address."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._loaded = asyncio.Event()
        self._document = ""
        self.wrong: list[str] = []
        self.asked: list[str] = []

    async def listen(self) -> None:
        """Sort what Chromium says, until it is closed."""
        async for message in self._socket:
            said = json.loads(message.data)
            if waiting := self._answers.pop(said.get("id", 0), None):
                waiting.set_result(said)
            else:
                self._hear(said.get("method", ""), said.get("params", {}))

    def _hear(self, event: str, told: dict[str, Any]) -> None:
        if event == "Page.lifecycleEvent":
            self._live(told)
        elif event == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.wrong.append(told["entry"]["text"])
        elif event == "Network.loadingFailed" and not told.get("canceled"):
            self.wrong.append(f"request failed: {told['errorText']}")
        elif event in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
            self.wrong.append(f"{event}: {told}")
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.wrong.append(f"console: {told['args']}")

    def _live(self, told: dict[str, Any]) -> None:
        if told["name"] == "load":
            self._document = told["loaderId"]
            self._loaded.set()

    async def command(self, method: str, **params: Any) -> Any:
        """Send one command; its result. Raises RuntimeError with Chromium's words."""
        number = next(self._numbers)
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        said = await asyncio.wait_for(waiting, PATIENCE_S)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']['message']}")
        return said["result"]

    async def see(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        result = (await self.command("Runtime.evaluate", expression=expression, returnByValue=True))["result"]
        if result.get("subtype") == "error":
            raise RuntimeError(result["description"])
        return result.get("value")

    async def visit(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        async with self.leaving():
            await self.command("Page.navigate", url=url)

    @asynccontextmanager
    async def leaving(self) -> AsyncIterator[None]:
        """Do something that opens another page, and wait for that very page; the old one may still be loading."""
        before = (await self.command("Page.getFrameTree"))["frameTree"]["frame"]["loaderId"]
        self._loaded.clear()
        yield
        async with asyncio.timeout(PATIENCE_S):
            while await self._loaded.wait() and self._document == before:
                self._loaded.clear()

    async def until(self, expression: str) -> None:
        """Wait until an expression on the page is true."""
        look = f"new Promise(told => {{ const look = () => ({expression}) ? told() : setTimeout(look, 20); look() }})"
        await self.command("Runtime.evaluate", expression=look, awaitPromise=True)

    async def press(self, key: str) -> None:
        """Press and release a key that types nothing of its own, such as Tab."""
        text = {"text": "\r"} if key == "Enter" else {}
        codes = {"Tab": 9, "Enter": 13}
        same = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        await self.command("Input.dispatchKeyEvent", type="keyDown", **same, **text)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **same)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.command("Input.insertText", text=text)

    async def dress(self, width: int, dark: bool) -> None:
        """A screen of this width, light or dark; under 600 px it is a phone."""
        phone = width < 600
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.command("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, file: Path) -> None:
        """Keep a picture of the whole page."""
        shot = await self.command("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


def find_chromium() -> str:
    """The path of Chromium; raises FileNotFoundError that says how to install it."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise FileNotFoundError("no chromium: run tests/browser/install.sh")


@asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    """A fresh Chromium with one tab; `profile` is an empty directory for its data."""
    quiet = asyncio.subprocess.DEVNULL
    command = (find_chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank")
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        port = await asyncio.wait_for(_port(profile / "DevToolsActivePort"), PATIENCE_S)
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as tab,
            session.ws_connect((await tab.json())["webSocketDebuggerUrl"], max_msg_size=0) as socket,
        ):
            page = Page(socket)
            listening = asyncio.create_task(page.listen())
            for domain in DOMAINS:
                await page.command(f"{domain}.enable")
            await page.command("Page.setLifecycleEventsEnabled", enabled=True)
            yield page
            listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _port(file: Path) -> str:
    """The port Chromium chose, as soon as it has written it down."""
    while True:
        with suppress(FileNotFoundError, IndexError):
            return (await asyncio.to_thread(file.read_text)).splitlines()[0]
        await asyncio.sleep(0.05)
