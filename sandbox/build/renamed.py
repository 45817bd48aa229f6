"""The shop's code under other names: every constant of a release, and what its packages and files are called."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from .names import Names

LOGS = "logs.py"  # where the keys of a log line are made


def rename(folder: Path, names: Names) -> None:
    """All below `folder`/shop, in place; `folder`/NAME is what it is then."""
    for path in sorted((folder / "shop").rglob("*"), key=lambda p: len(p.parts), reverse=True):
        if path.suffix == ".py":
            path.write_text(code(path.read_text(), names, names.fields if path.name == LOGS else {}))
        elif path.suffix == ".sql":
            path.write_text(names.sql(path.read_text()))
        path.rename(path.with_name(_called(path, names)))
    (folder / "shop").rename(folder / names.word("shop"))


def _called(path: Path, names: Names) -> str:
    """Modules keep their name, because code imports them by it; but for jobs, which are named by a setting."""
    if path.suffix == ".py":
        return f"{names.word(path.stem)}.py" if path.parent.name == "jobs" else path.name
    return names.sql(path.name)


def code(text: str, names: Names, exact: Mapping[str, str]) -> str:
    """A module with its constants said otherwise. `exact`: constants that are other words here."""
    tree = _Constants(names, exact).visit(ast.parse(text))
    return f"{ast.unparse(ast.fix_missing_locations(tree))}\n"


class _Constants(ast.NodeTransformer):
    def __init__(self, names: Names, exact: Mapping[str, str]) -> None:
        self._names, self._exact = names, exact

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str):
            said = self._exact.get(node.value) or self._names.spoken(node.value)
            return ast.copy_location(ast.Constant(said, node.kind), node)
        return node
