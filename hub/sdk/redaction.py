"""Keep secrets out of everything that is stored or shown: the known secrets of a connection, by value."""

from collections.abc import Iterable

from pydantic import BaseModel, SecretStr

MASK = "••••"
_SHORTEST = 6


class Redactor:
    """Replace each known secret in a text by a mask; secrets learned later (tokens) are added with `learn`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    @classmethod
    def of(cls, config: BaseModel) -> "Redactor":
        """A redactor that knows every SecretStr of a connection's config."""
        values = (getattr(config, name) for name in type(config).model_fields)
        return cls(v.get_secret_value() for v in values if isinstance(v, SecretStr))

    def learn(self, secret: str) -> None:
        """Mask this value too. Values under 6 characters are left: masking them would eat ordinary text."""
        if len(secret) >= _SHORTEST:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text
