"""What JMESPath's own functions do, and our first two: for the page of functions. `functions` has their work."""

from decimal import Decimal

from hub.domain.text import Text
from hub.mapping.expressions.trade.declare import Described

TITLE = Text("JMESPath 自带的", "JMESPath's own")
STANDARD = (
    Described(
        "money(x)",
        Text("元，两位小数的文本；不足一分就拒绝", "Yuan as text with two decimals"),
        (("money(`628000`)", "628000.00"),),
    ),
    Described(
        "text(x)", Text("原样写出数字；没有值就拒绝", "The number's digits; null is refused"), (("text(`12`)", "12"),)
    ),
    Described("abs(number)", Text("绝对值", "The number without its sign"), (("abs(`-2`)", 2),)),
    Described(
        "avg(numbers)",
        Text("平均；除不尽就拒绝", "The mean; an inexact one is refused"),
        (("avg(`[1, 2]`)", Decimal("1.5")),),
    ),
    Described("ceil(number)", Text("向上取整", "The next whole number above"), (("ceil(`1.2`)", 2),)),
    Described(
        "contains(where, what)",
        Text("文本或列表里有没有", "Whether a text or list has it"),
        (("contains('张江', '江')", True),),
    ),
    Described(
        "ends_with(text, end)", Text("是否以此结尾", "Whether a text ends so"), (("ends_with('a.pdf', '.pdf')", True),)
    ),
    Described("floor(number)", Text("向下取整", "The next whole number below"), (("floor(`1.8`)", 1),)),
    Described("join(glue, texts)", Text("把文本连起来", "Texts joined"), (("join('-', ['AR', 'HT-1'])", "AR-HT-1"),)),
    Described("keys(object)", Text("字段名", "An object's names"), (('keys(`{"a": 1}`)', ["a"]),)),
    Described("length(x)", Text("长度", "How long it is"), (("length('连枢')", 2),)),
    Described(
        "map(&expression, list)",
        Text("逐项计算，空值保留", "Each item's answer, null too"),
        (('map(&a, `[{"a": 1}, {}]`)', [1, None]),),
    ),
    Described("max(list)", Text("最大", "The greatest"), (("max(`[1, 3, 2]`)", 3),)),
    Described(
        "max_by(list, &expression)",
        Text("此值最大的一项", "The item whose answer is greatest"),
        (('max_by(`[{"a": 1}, {"a": 2}]`, &a).a', 2),),
    ),
    Described(
        "merge(object, …)",
        Text("合并，后者优先", "Objects in one; the later wins"),
        (('merge(`{"a": 1}`, `{"a": 2}`).a', 2),),
    ),
    Described("min(list)", Text("最小", "The least"), (("min(`[3, 1]`)", 1),)),
    Described(
        "min_by(list, &expression)",
        Text("此值最小的一项", "The item whose answer is least"),
        (('min_by(`[{"a": 1}, {"a": 2}]`, &a).a', 1),),
    ),
    Described(
        "not_null(x, …)", Text("第一个不是 null 的", "The first that is not null"), (("not_null(`null`, '甲')", "甲"),)
    ),
    Described("reverse(x)", Text("倒过来", "Back to front"), (("reverse(`[1, 2]`)", [2, 1]),)),
    Described("sort(list)", Text("排序", "In order"), (("sort(`[2, 1]`)", [1, 2]),)),
    Described(
        "sort_by(list, &expression)",
        Text("按此值排序", "In the order of the answers"),
        (('sort_by(`[{"a": 2}, {"a": 1}]`, &a)[0].a', 1),),
    ),
    Described(
        "starts_with(text, start)",
        Text("是否以此开头", "Whether a text starts so"),
        (("starts_with('HT-1', 'HT')", True),),
    ),
    Described("sum(numbers)", Text("合计，一分不差", "The exact sum"), (("sum(`[0.1, 0.2]`)", Decimal("0.3")),)),
    Described("to_array(x)", Text("不是列表就包成列表", "A list of it, unless it is one"), (("to_array('a')", ["a"]),)),
    Described(
        "to_number(x)",
        Text("文本变数字，不是数字就是 null", "The number a text is, or null"),
        (("to_number('0.10')", Decimal("0.10")),),
    ),
    Described("to_string(x)", Text('变文本，null 变成 "null"', "The JSON text of it"), (("to_string(`[1]`)", "[1]"),)),
    Described("type(x)", Text("类型名", "The name of its type"), (("type(`1`)", "number"),)),
    Described("values(object)", Text("字段值", "An object's values"), (('values(`{"a": 1}`)', [1]),)),
)
