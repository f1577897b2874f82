"""The console as a browser sees it: no complaint, nothing leaves the host, both languages, both themes, a phone."""

from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.domain.delivery import State
from tests.browser.chromium import Page
from tests.browser.conftest import Site
from tests.browser.story import HOSTILE

CONTRAST = Path(__file__).with_name("contrast.js").read_text("utf-8")
FITS = "[innerWidth, document.documentElement.scrollWidth]"
CUT_OFF = (
    "[...document.querySelectorAll('td, dd, pre')].filter(e => e.getBoundingClientRect().right > innerWidth).length"
)
TEXT = "document.body.innerText"
FOCUS = "document.activeElement.innerText"


async def sign_in(page: Page, site: Site, host: str = "127.0.0.1") -> None:
    await page.visit(site.url("/console/login", host))
    await page.until("document.activeElement.name === 'key'")
    await page.type(site.key)
    async with page.leaving():
        await page.press("Enter")


async def test_every_page_in_both_languages_both_themes_and_on_a_phone(page: Page, site: Site, tmp_path: Path) -> None:
    dead = site.told[State.DEAD].id
    pages = {
        "login": ("/console/login", "粘贴一个 API 密钥", "Paste an API key"),
        "log": ("/console/deliveries", "已批准的合同记入金蝶应收", "Approved contracts become receivables"),
        "delivery": (f"/console/deliveries/{dead}", "在客户档案里填写法定名称", "Fill the legal name"),
    }
    await sign_in(page, site)
    for (name, (path, zh, en)), language, dark, width in product(
        pages.items(), ("zh", "en"), (False, True), (1280, 1152, 920, 375)
    ):
        await page.dress(width, dark)
        await page.visit(site.url(f"{path}?lang={language}"))
        look = f"{name}-{language}-{'dark' if dark else 'light'}-{width}"
        await page.picture(tmp_path / f"{look}.png")
        assert (zh if language == "zh" else en) in await page.see(TEXT), look
        assert await page.see(FITS) == [width, width], look
        assert await page.see(CUT_OFF) == 0, look
        assert await page.see(CONTRAST) == [], look
    assert page.wrong == []
    assert {urlsplit(url).netloc for url in page.asked} == {f"127.0.0.1:{site.port}"}


async def test_hostile_text_is_text_wherever_it_stands(page: Page, site: Site) -> None:
    await sign_in(page, site)
    for path in ("", *(f"/{told.id}" for told in site.told.values()), f"?record={HOSTILE}"):
        await page.visit(site.url(f"/console/deliveries{path}"))
        assert await page.see("document.scripts.length + document.querySelectorAll('img[src=x]').length") == 0
    assert page.wrong == []
    await page.visit(site.url(f"/console/deliveries/{site.told[State.DEAD].id}"))
    assert (await page.see("document.body.textContent")).count(HOSTILE.partition('"')[0]) == 5


async def test_a_dead_letter_is_replayed_by_keyboard(page: Page, site: Site) -> None:
    await sign_in(page, site)
    await page.visit(site.url(f"/console/deliveries/{site.told[State.DEAD].id}"))
    for _ in range(30):
        await page.press("Tab")
        if await page.see(FOCUS) == "重放这次交付":
            break
    async with page.leaving():
        await page.press("Enter")
    text = await page.see(TEXT)
    assert ("已放回队列" in text, "待发送" in text) == (True, True)
    assert page.wrong == []


async def test_signing_in_works_over_plain_http_where_browsers_send_only_an_origin(page: Page, site: Site) -> None:
    await sign_in(page, site, "hub.example")
    assert "同步日志" in await page.see(TEXT)
    assert page.wrong == []


async def test_filters_and_place_survive_a_reload(page: Page, site: Site) -> None:
    await sign_in(page, site)
    await page.visit(site.url("/console/deliveries?state=dead"))
    async with page.leaving():
        await page.command("Page.reload")
    assert await page.see("document.querySelector('select[name=state]').value") == "dead"
    assert await page.see("document.querySelectorAll('tbody tr').length") == 1


@pytest.mark.parametrize("what", ["script", "style", "a.example"])
async def test_the_check_itself_sees_a_page_that_breaks_the_rules(page: Page, site: Site, what: str) -> None:
    await page.visit(site.url("/wrong"))
    assert [text for text in page.wrong if what in text and "Content Security Policy" in text]
