"""`hub new connector`: a folder that passes `hub check`, to be changed step by step into the real thing."""

import sys
from importlib import resources
from importlib.resources.abc import Traversable
from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(no_args_is_help=True, help="新建 / make a new thing")
EXAMPLE, ENDING = "acme", ".txt"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group.callback()(lambda: None)  # keeps the name of the only command
    app.add_typer(group, name="new")


@group.command("connector")
def connector(
    name: Annotated[str, typer.Argument(help="小写字母、数字、下划线 / lower case, digits, underscores")],
    into: Annotated[Path, typer.Option(help="仓库根目录 / the repository's root")] = Path(),
) -> None:
    """写出一个能通过检查的连接器：代码、沙箱、样例、测试 / write a connector that passes the check."""
    if not name.isidentifier() or not name.isascii() or name != name.lower() or iskeyword(name):
        raise typer.BadParameter("名字只用小写字母、数字、下划线 / lower-case letters, digits and underscores only")
    if name in sys.stdlib_module_names:
        raise typer.BadParameter(f"{name} 是 Python 标准库的名字 / is a name of Python's standard library")
    if not (into / "connectors" / "__init__.py").is_file():
        raise typer.BadParameter(f"{into.resolve()} 不是仓库根目录 / is not the repository's root")
    code, tests = into / "connectors" / name, into / "tests" / "connectors" / name
    if code.exists() or tests.exists():
        raise typer.BadParameter(f"已经有了 / already there: {code if code.exists() else tests}")
    template = resources.files("hub.cli") / "templates" / "connector"
    written = [*_write(template / "package", code, name), *_write(template / "tests", tests, name)]
    typer.echo("\n".join(map(str, written)))
    typer.echo(f"下一步 / next:\n  hub check {name}\n  python -m pytest {tests}\n  hub sandbox {name}")


def _write(template: Traversable, folder: Path, name: str) -> list[Path]:
    """Copy a template folder, the example's name replaced in files and file names; returns what was written."""
    folder.mkdir(parents=True)
    written = []
    for each in sorted(template.iterdir(), key=lambda entry: entry.name):
        target = folder / each.name.removesuffix(ENDING).replace(EXAMPLE, name)
        if each.is_dir():
            written += _write(each, target, name)
        else:
            target.write_text(_named(each.read_text("utf-8"), name), "utf-8")
            written.append(target)
    return written


def _named(text: str, name: str) -> str:
    shown = name.replace("_", " ").title().replace(" ", "")
    return text.replace(EXAMPLE, name).replace(EXAMPLE.title(), shown)
