"""The shape of a mapping file, and errors that name line, column and the nearest valid name."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.domain.text import Text
from hub.mapping.expressions.expression import BadExpression, Expression
from hub.mapping.files.nearest import unknown
from hub.mapping.files.walk import inside, model_of, named_fields
from hub.mapping.files.worded import worded
from hub.mapping.files.yaml_text import Document, Path

M = TypeVar("M", bound=BaseModel)
Cleaner = Literal["strip", "upper", "lower"]

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)]
"""One name, or a list of them."""


Pairs = Annotated[dict[str, Any], Field(min_length=1)]
"""A value table."""

CUT = Text("逗号把它切断了，整个加双引号", "the comma cut it: quote the whole expression")
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))

ONE_WAY: dict[str, Any] = {"oneOf": [{"required": [way]} for way in ("take", "value", "fields")]}


class Strict(BaseModel):
    """A part of a file: unknown keys are refused. A key's docstring is what editors show."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


class Rule(Strict):
    """How one target field is made.

    Either `take` an expression, a constant `value`, an object of `fields`, or a list: `each` item becomes `fields`.
    What is taken is cleaned, looked up, formatted, in this order. Nothing, "", [] and {} leave the field out, or
    give its `default`, or are refused when it is `required`. `when` is not true: the field is left out.
    """

    model_config = ConfigDict(json_schema_extra=ONE_WAY)

    take: str | None = None
    """取值的 JMESPath 表达式 / a JMESPath expression over the data"""

    value: Any = None
    """固定值 / a constant"""

    each: str | None = None
    """指向列表的表达式，逐项生成 fields / an expression that names a list; each item becomes `fields`"""

    fields: Annotated[dict[str, "Rule"], Field(min_length=1)] | None = None
    """里面的字段 / the fields inside"""

    when: str | None = None
    """条件表达式，不成立就省略该字段 / a condition; the field is left out where it is not true"""

    required: bool = False
    """取不到值就拒绝 / refuse when there is nothing"""

    default: Any = None
    """取不到值时用它 / what stands there when there is nothing"""

    clean: list[Cleaner] = Field(default_factory=list)
    """依次整理文本 / clean the text, in this order"""

    lookup: str | None = None
    """按表换值；~表名 是反查 / look it up in a table; ~name reads the table back"""

    format: Literal["money"] | None = None
    """money：两位小数的文本 / money: text with two decimals"""

    unit: str = ""
    """给人看的说明 / a note for people"""


class Wanted(Strict):
    """The id that another system has for a record of ours, known since we made the record there."""

    kind: str = Field(pattern=r"^[^\s.]+\.[a-z0-9_]+$")
    """连接.种类，如 kingdee.customer / connection.kind"""

    record: str
    """本系统记录的 id，表达式 / the home record's id, an expression"""


class Example(Strict):
    """A test inside the file: `given` becomes `expect`, or is refused with `error` in the words; one of the two."""

    name: str
    """说明 / what it shows"""

    given: dict[str, Any]
    """来源数据 / data of the source"""

    expect: dict[str, Any] | None = None
    """应生成的数据 / what it becomes"""

    error: str | None = None
    """拒绝时应有的话 / words of the refusal"""


class Direction(Strict):
    """From one shape to another, with examples."""

    mapping: str = Field(pattern=r"^[a-z0-9_.]+$")
    """名字，如 crm.contract__kingdee.receivable / its name"""

    sources: Names = Field(alias="from")
    """来源：系统.事件，可以写几个 / the source: system.event, or a list of them"""

    target: str = Field(alias="to")
    """目标：系统.动作 / the target: system.action"""

    why: str = ""
    """为什么 / what it is for"""

    fields: dict[str, Rule] = Field(min_length=1)
    """目标字段: 怎样生成 / field of the target: how it is made"""

    refs: dict[str, Wanted] = Field(default_factory=dict)
    """对方系统里的编号，表达式里写 refs.名字.id / ids in other systems, which expressions find as refs.name.id"""

    examples: list[Example] = Field(min_length=1)
    """例子就是测试 / examples, which are tests"""


class Shape(Direction):
    """A mapping file as it is written."""

    version: int = Field(ge=1)
    """改了含义就加一 / one more when its meaning changes"""

    lookups: dict[str, Pairs] = Field(default_factory=dict)
    """本文件的值表：表名: {来源值: 目标值} / value tables of this file"""

    tables: dict[str, Pairs] = Field(default_factory=dict)
    """连枢补入的共用表，不手写 / shared tables as the hub adds them; not written by hand"""

    back: Direction | None = None
    """反方向的映射 / the mapping for the way back"""


def shaped(document: Document, model: type[M]) -> M:
    """Validate a document; ConfigError at the first wrong place, with the nearest valid key."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        # An unknown key explains a missing one, so it is told first.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        path: Path = tuple(part for part in first["loc"] if part != "[key]")
        if first["type"] == "extra_forbidden":
            what = unknown(str(path[-1]), _known(model, path[:-1]))
            if _is_cut(document.value, path[:-1]):
                what = f"{what}；{CUT}"
            raise document.refuse((*path, ""), what) from error
        raise document.refuse(path, ": ".join(filter(None, (".".join(map(str, path)), worded(first))))) from error


def _is_cut(value: Any, path: Path) -> bool:
    """Whether a text beside this key lacks a closing bracket: its comma was taken for the end of it."""
    for part in path:
        value = value[part]
    texts = [each for each in value.values() if isinstance(each, str)]
    return any(text.count(left) > text.count(right) for text in texts for left, right in BRACKETS)


def _known(kind: Any, path: Path) -> list[str]:
    for part in path:
        kind = inside(kind, part)
    model = model_of(kind)
    return list(named_fields(model)) if model else []


def compiled(document: Document, path: Path, text: str) -> Expression:
    """Compile an expression that stands at a path; ConfigError at its column."""
    try:
        return Expression(text)
    except BadExpression as error:
        raise document.refuse(path, f"表达式 / expression {text!r}: {error}", error.position) from error
