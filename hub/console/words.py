"""The console's words in both languages, from one file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

LANGUAGES = ("zh", "en")
FILE = Path(__file__).with_name("messages.toml")


def load_words(file: Path = FILE) -> Mapping[str, Mapping[str, str]]:
    """{"log.title": {"zh": …, "en": …}}. Raises ValueError naming a key that lacks a language."""
    found: dict[str, Mapping[str, str]] = {}
    for section, entries in tomllib.loads(file.read_text("utf-8")).items():
        for key, texts in entries.items():
            if set(texts) != set(LANGUAGES) or not all(texts.values()):
                raise ValueError(f"{file.name}: {section}.{key} must have {' and '.join(LANGUAGES)}")
            found[f"{section}.{key}"] = texts
    return found
