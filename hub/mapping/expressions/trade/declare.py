"""How a function of ours is declared: what it takes and gives, one sentence, and examples that are tests.

Its parameters' annotations read what an expression hands over. A value that does not fit is refused with the
function's name and which value it was; the mapping adds the field.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_origin, get_type_hints

from hub.domain.text import Text
from hub.mapping.expressions.amounts import Number, plain, read_number
from hub.mapping.expressions.budget import Unanswerable
from hub.sdk.exact import Json

Work = TypeVar("Work", bound=Callable[..., Any])

MOST_CHARACTERS = 20_000
RETURNS: list[tuple[Any, str]] = [(str, "string"), (bool, "boolean"), (int, "number"), (Number, "number")]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value has to be, in words and as JMESPath's types.

    `read` raises ValueError for anything else; a bare one when the words say all.
    """

    name: Text
    types: tuple[str, ...]
    read: Callable[[Json], Any]


@dataclass(frozen=True, slots=True)
class Described:
    """How a function is called, what it does, and expressions with their answers."""

    written: str
    says: Text
    examples: tuple[tuple[str, Json], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """A function. `least` and `most`: how many values it takes; `most` is None without a limit.

    `returns`: JMESPath's type of what it gives; "any" when that depends on what it is given.
    """

    name: str
    parameters: tuple[tuple[str, Kind], ...]
    least: int
    most: int | None
    returns: str
    says: Text
    examples: tuple[tuple[str, Json], ...]
    work: Callable[..., Json]

    def __call__(self, *given: Json) -> Json:
        """Its answer; Unanswerable names the function and what is wrong."""
        kinds = [kind for _, kind in self.parameters]
        kinds += kinds[-1:] * (len(given) - len(kinds))
        values = [self._read(n, kind, value) for n, (kind, value) in enumerate(zip(kinds, given, strict=False), 1)]
        try:
            return self.work(*values)
        except ArithmeticError as error:
            raise Unanswerable(f"{self.name}(): a number or date out of range") from error
        except ValueError as error:
            raise Unanswerable(f"{self.name}(): {error}") from error

    def _read(self, position: int, kind: Kind, value: Json) -> Any:
        try:
            return kind.read(value)
        except ValueError as error:
            if str(error):
                raise Unanswerable(f"{self.name}(): {error}") from error
            raise Unanswerable(f"{self.name}() wants {kind.name.en} as value {position}, not {shown(value)}") from error

    @property
    def described(self) -> Described:
        """What people read; written as "div(a, b, places, [how])"."""
        names = [name if n < self.least else f"[{name}]" for n, (name, _) in enumerate(self.parameters)]
        shown = [*names[: self.least], "…"] if self.most is None else names
        return Described(f"{self.name}({', '.join(shown)})", self.says, self.examples)


@dataclass(frozen=True, slots=True)
class Group:
    """Functions that belong together."""

    title: Text
    functions: list[Function] = field(default_factory=list)

    def offer(self, zh: str, en: str, *examples: tuple[str, Json]) -> Callable[[Work], Work]:
        """Declare a function: what it does in both languages, and expressions with their answers."""

        def declared(work: Work) -> Work:
            hints = get_type_hints(work, include_extras=True)
            given = inspect.signature(work).parameters.values()
            parameters = tuple((each.name, hints[each.name].__metadata__[0]) for each in given)
            least = sum(each.default is each.empty and each.kind is not each.VAR_POSITIONAL for each in given)
            most = None if any(each.kind is each.VAR_POSITIONAL for each in given) else len(parameters)
            returns = _type_name(hints["return"])
            name = work.__name__.rstrip("_")
            self.functions.append(Function(name, parameters, least, most, returns, Text(zh, en), examples, work))
            return work

        return declared


def _type_name(hint: Any) -> str:
    return "array" if get_origin(hint) is list else next((name for kind, name in RETURNS if kind == hint), "any")


def by_name(groups: Iterable[Group]) -> dict[str, Function]:
    """The functions of all groups."""
    return {function.name: function for group in groups for function in group.functions}


def shown(value: Json) -> str:
    """A value as a refusal names it."""
    if isinstance(value, str):
        return repr(value[:40])
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)[:40]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return "an expression"


def whole(number: Number) -> Number:
    """A number without decimals is an integer; every other stays as it is."""
    return int(number) if isinstance(number, Decimal) and number.as_tuple().exponent == 0 else number


def _any(value: Json) -> Json:
    if isinstance(value, ANY):
        return value
    raise ValueError


def _number(value: Json) -> Number:
    number = read_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise ValueError
    plain(number)
    return number


def _integer(least: int, most: int) -> Callable[[Json], int]:
    def read(value: Json) -> int:
        number = _number(value)
        if number != int(number) or not least <= number <= most:
            raise ValueError
        return int(number)

    return read


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError
    if len(value) > MOST_CHARACTERS:
        raise ValueError(f"a text of more than {MOST_CHARACTERS} characters")
    return value


def _one_of(*names: str) -> Callable[[Json], str]:
    def read(value: Json) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return read


def _numbers(value: Json) -> list[Number]:
    if not isinstance(value, list):
        raise ValueError
    return [_number(item) for item in value]


ANY = (str, int, Decimal, bool, list, dict, type(None))
NUMBERS = ("number", "string")
WAYS = ("half_up", "half_even", "up", "down")

Value = Annotated[Json, Kind(Text("任意值", "any value"), (), _any)]
Amount = Annotated[Number, Kind(Text("数字", "a number"), NUMBERS, _number)]
Amounts = Annotated[list[Number], Kind(Text("数字的列表", "a list of numbers"), ("array",), _numbers)]
Places = Annotated[int, Kind(Text("0 到 12 的小数位数", "0 to 12 places"), NUMBERS, _integer(0, 12))]
Count = Annotated[int, Kind(Text("整数", "a whole number"), NUMBERS, _integer(-100_000, 100_000))]
Width = Annotated[int, Kind(Text("1 到 1000 的长度", "a width of 1 to 1000"), NUMBERS, _integer(1, 1000))]
Moment = Annotated[int, Kind(Text("时间戳", "a timestamp"), NUMBERS, _integer(-(10**15), 10**15))]
Way = Annotated[str, Kind(Text(" ".join(WAYS), f"one of {', '.join(WAYS)}"), ("string",), _one_of(*WAYS))]
Word = Annotated[str, Kind(Text("文本", "text"), ("string",), _text)]
