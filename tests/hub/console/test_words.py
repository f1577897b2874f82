"""Every word stands in the message file, in both languages, and none is left over."""

import re
from pathlib import Path

import pytest

from hub.console.screen import HERE
from hub.console.words import FILE, load_words
from hub.domain.delivery import State

WORDS = load_words()
HAN = re.compile(r"[一-鿿]")
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
MADE_UP = {f"state.{state}" for state in State} | {key for key in WORDS if key.startswith(("said.", "trouble."))}


def used() -> set[str]:
    texts = [path.read_text("utf-8") for path in TEMPLATES]
    return {key for text in texts for key in re.findall(r"""\bt\(["']([a-z_.]+)["'][,)]""", text)}


def test_every_key_has_both_languages_and_english_is_english() -> None:
    assert all(HAN.search(texts["zh"]) for key, texts in WORDS.items() if key not in {"app.other", "log.tries"})
    assert [key for key, texts in WORDS.items() if HAN.search(texts["en"])] == ["app.other"]


def test_both_languages_fill_in_the_same_values() -> None:
    for key, texts in WORDS.items():
        zh, en = (set(re.findall(r"{(\w*)}", texts[language])) for language in ("zh", "en"))
        assert zh == en, key


def test_templates_and_the_message_file_agree() -> None:
    said = {"login.wrong", "login.ended"}
    assert used() <= set(WORDS)
    assert set(WORDS) - used() - MADE_UP == said


def test_templates_hold_no_words_scripts_or_styles_of_their_own() -> None:
    for path in TEMPLATES:
        text = path.read_text("utf-8")
        assert not HAN.search(text), path.name
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|\|\s*safe|javascript:", text), path.name


def test_a_key_that_lacks_a_language_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "messages.toml"
    broken.write_text(FILE.read_text("utf-8").replace('zh = "刷新", ', ""), "utf-8")
    with pytest.raises(ValueError, match=r"log\.refresh"):
        load_words(broken)
