"""Files and expressions that go off, and how many examples a search tries: FUZZ=500000 for the full count."""

import os
from collections.abc import Iterator

MANY = int(os.environ.get("FUZZ", "1000"))

TAGS = [
    *("!!python/object/apply:os.system [x]", "!!python/object:os.PathLike {}"),
    *("!!python/name:os.system", "!!python/none"),
    *("!!python/module:os", "!!python/tuple [1]", "!!python/bytes eA=="),
    *("!!python/object/new:type [a]", "!!binary eA=="),
    *("!!str 1", "!!int '1'", "!!float 1", "!!bool yes"),
    *("!!null ''", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]"),
    *("!!timestamp 2026-01-01", "!!merge <<", "! x", "!local x"),
    *("!<tag:yaml.org,2002:str> x", "!e!x y", "!!map {}", "!!seq []"),
]
ALIASES = [
    "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}, *a]\n" for i in range(9)),
    *("a: &a 1", "a: &a {}", "a: &a []", "&a a: 1"),
    *("a: &a\n  b: 1", "a: *b", "*a", "? *a\n: 1", "- &a\n- *a"),
    *("a: &a [*a]", "a: {b: &x 1, c: *x}", "&a 1", "a: &中 1"),
]
MERGES = ["<<: {y: 2}", "a: {<<: {b: 1}}", "<<: [{a: 1}, {b: 2}]", "'<<': {y: 2}", "base: &b {x: 1}\nc:\n  <<: *b"]
KEYS = [
    *("? [x]\n: 1", "? {a: 1}\n: 1", "{[a]: 1}", "{{a: 1}: 2}"),
    *("a: 1\nb: 2\na: 3", "{a: 1, a: 2}", '"a": 1\na: 2'),
    *("? |\n  a\n: 1\na: 2\n? >-\n  a\n: 3", "a:\n  b: 1\n  'b': 2"),
]
DEEP = [
    *(left * 40 + right * 40 for left, right in (("[", "]"), ("{a: ", "}"), ("[{a: ", "}]"))),
    *("[" * 200_000, "{" * 200_000, "- " * 50_000, "? " * 50_000),
    *("[[" * 20_000 + "x", "a: " + "[" * 33 + "]" * 33),
    "\n".join("  " * depth + "a:" for depth in range(40)),
    "\n".join(" " * depth + "- a:" for depth in range(40)),
]
HUGE = [
    *("a: " + "x" * 300_000, "a: " + "中" * 90_000),
    *("a: '" + "x" * 262_144, "# " + "x" * 300_000, "\n" * 300_000),
    *("a: [" + "1, " * 6000 + "]", "".join(f"k{n}: 1\n" for n in range(3000))),
    *("- x\n" * 6000, "a: |\n" + "  x\n" * 90_000),
    "{" + ", ".join(f"k{n}: {{}}" for n in range(3000)) + "}",
]
DOCUMENTS = [
    *("a: 1\n---\nb: 2", "---\na: 1\n---\n", "a: 1\n...\nb: 2"),
    *("a: 1\n...\n---\nb: 2", "%YAML 9\n", "%YAML 9.9\n---\na: 1"),
    *("%TAG ! tag:x,2026:\n---\na: !x 1", "a: 1\n--- {}", "---\n---\n---\n"),
]
BROKEN = [
    *("a: 1\n\ta: 2", "\ta: 1", "a:\n\t- b", "a: [1", "a: {b: 1"),
    *("a: 'x", 'a: "x', 'a: "\\q"', 'a: "\\ud800"', 'a: "\\0"'),
    *("a: @x", "a: `x`", "a: %x", "a: b: c", "a: - b", "- a\nb: 1"),
    *("a: 1\n  b: 2", "a:\n  b: 1\n c: 2", "a: [1, 2}}", "a: ]"),
    *("a: >-2-\n x", "a: |x\n y", "a: , b", "key: [a, b]]", '"\\0": a'),
    *('a: "\\x07"', 'a: "\\u2028"', "a: {b c: d", "'a", "&"),
]
CODES = (*range(1, 9), 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F, 0x80, 0x85, 0x9F, 0x2028, 0x2029, 0xD800, 0xDFFF, 0xFEFF, 0)
ODD = [f"a: 1{chr(code)}b" for code in CODES]

YAML_BOMBS = [*(f"a: {tag}" for tag in TAGS), *ALIASES, *MERGES, *KEYS, *DEEP, *HUGE, *DOCUMENTS, *BROKEN, *ODD]
"""None of them is a file that we read."""


def _twice(part: str, times: int = 40) -> str:
    return part * times + "@"


def expression_bombs() -> Iterator[str]:
    """Expressions that would make much out of a little."""
    yield from map(_twice, ("[@,@]|", "{a: @, b: @}|", "[@,@][]|", "[[@,@],[@,@]]|", "[@,@]|[@]|", "[@,@,@][]|[]|"))
    yield from map(_twice, ("join('', [@,@])|", "to_string([@,@])|", "merge({a: @}, {b: @})|", "[@,@]|to_string(@)|"))
    yield from map(_twice, ("replace(@,'x','xxxxxxxx')|", "pad_left(@,`1000`,'x')|", "full_width(join('',[@,@]))|"))
    yield from map(_twice, ("split(@,'x')|[]|join('xx',@)|", "[@,@]|map(&[@,@],@)|", "[@,@]|values({a: @, b: @})|"))
    yield from (f"[@,@]|{tail}" * 30 + "@" for tail in ("reverse(@)|", "to_array(@)|", "not_null(@)|", "coalesce(@)|"))
    heads = "[@,@][]|" * 16
    yield from (heads + tail for tail in ("sort(@)", "sort_by(@, &@)", "max_by(@, &@)", "map(&[@,@], @)", "length(@)"))
    yield from (heads + tail for tail in ("@ == @", "contains(@, 'y')", "join('x', @)", "[*].[@,@,@,@]", "[?@ != 'x']"))
    yield from (heads + tail for tail in ("[?contains(@, 'x')] | [@,@]", "map(&map(&@, [@,@]), @)", "[@,@,@,@]|[][]"))
    yield from ("(" * 3000 + "a" + ")" * 3000, "!" * 5000 + "a", "a" + ".a" * 9000, "a" + "[0]" * 6000, "[" * 5000)
    yield from ("a||" * 6000 + "a", "&" * 3000 + "a", "`" + "[" * 9000 + "]" * 9000 + "`", "'" + "x" * 30_000 + "'")
    yield from (
        "{a:" * 2000 + "a" + "}" * 2000,
        "abs(" * 2000 + "a" + ")" * 2000,
        "[?" * 500 + "a" + "]" * 500,
        "*." * 5000 + "*",
    )
