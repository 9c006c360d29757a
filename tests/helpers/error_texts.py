"""The error messages of a package, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOLE = '…'  # stands for a value


def error_texts(package: Path) -> list[str]:
    """Every message that a ``raise`` spells out, with ``…`` for values, in order."""
    files = sorted(f for f in package.rglob('*.py') if '.mim' not in f.parts)
    found = [text for file in files for text in _raised(ast.parse(file.read_text()))]
    return list(dict.fromkeys(found))


def _raised(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and _reaches_the_user(node.exc):
            yield from (text for text in map(_text, node.exc.args[:1]) if text)


def _reaches_the_user(error: ast.expr | None) -> bool:
    """Private exceptions are caught where they come from."""
    return isinstance(error, ast.Call) and not ast.unparse(error.func).startswith('_')


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return ''.join(_text(value) or HOLE for value in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ''
