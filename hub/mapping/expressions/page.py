"""The page of all functions, docs/reference/functions.md, written from their declarations."""

from collections.abc import Iterable

from hub.domain.text import Text
from hub.mapping.expressions.standard import STANDARD, TITLE
from hub.mapping.expressions.trade import GROUPS
from hub.mapping.expressions.trade.declare import Described
from hub.sdk.exact import Json, dumps

HEAD = """# 表达式函数 · Functions of expressions

本页由代码生成：`hub mappings functions --write`。每个例子都是测试。

映射里的表达式是 [JMESPath](https://jmespath.org)，另有下面这些函数。它们只看给它们的值，不读时钟、不联网。

* 数字是精确小数，写成文本的数字（如 `'12.30'`）也收。除了写明保留几位的，什么都不舍入。
* 给错了值就拒绝，写明是哪个函数、第几个值，映射再加上字段名；`null` 也算给错。可有可无的字段写 `x && trim(x)`。
* 没有小数的结果是整数；有小数的保留小数位（`div(10, 5, 2)` 得 2.00）。
* 日期是 `2026-11-20`，时间是 `2026-11-20T08:00:00+08:00`；没写偏移的按 Asia/Shanghai，最后一个参数可换时区。
* 对方系统里的编号不用函数查：映射写 `refs`，查好放在数据旁边，见[写映射](../howto/write-a-mapping.md)。
* 舍入方式：`half_up` 四舍五入（缺省），`half_even` 四舍六入五成双，`up` 进位，`down` 截断。

*This page is written from the code. Functions look only at what they are given. Numbers are exact, and number texts
are taken too. A wrong value, null included, is refused by function, position and field; for what may be missing write
`x && trim(x)`. A time without an offset is one of Asia/Shanghai. Ids of other systems come from a mapping's `refs`.*
"""


def functions_page() -> str:
    """The whole page, as Markdown."""
    groups = [(group.title, [function.described for function in group.functions]) for group in GROUPS]
    return "\n".join([HEAD, *(_section(title, rows) for title, rows in [*groups, (TITLE, STANDARD)])])


def _section(title: Text, rows: Iterable[Described]) -> str:
    head = f"## {title.zh} · {title.en}\n\n| 写法 call | 做什么 what it does | 例子 example |\n|---|---|---|\n"
    return head + "".join(map(_row, rows))


def _row(row: Described) -> str:
    examples = "<br>".join(f"`` {_cell(text)} `` → `{_cell(dumps(answer))}`" for text, answer in row.examples)
    return f"| `{row.written}` | {row.says.zh}<br>{row.says.en} | {examples} |\n"


def _cell(text: Json) -> str:
    return str(text).replace("|", "\\|")
