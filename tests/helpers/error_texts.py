"""What a package says to its users, read from its source."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

HOLE = '…'  # stands for a value
SAYING = ('warn', 'warning', 'info', 'print_log', 'exit')  # functions and methods


def error_texts(package: Path) -> list[str]:
    """Every message that a ``raise`` spells out, with ``…`` for values, in order."""
    return _found(package, _raised)


def log_texts(package: Path) -> list[str]:
    """Every message of the log, of a warning, of the panel's, and of ``sys.exit``."""
    return _found(package, _said)


def _found(package: Path, find: Callable[[ast.AST], Iterator[str]]) -> list[str]:
    files = sorted(f for f in package.rglob('*.py') if '.mim' not in f.parts)
    found = [text for file in files for text in find(ast.parse(file.read_text()))]
    return list(dict.fromkeys(found))


def _raised(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and _reaches_the_user(node.exc):
            yield from (text for text in map(_text, node.exc.args[:1]) if text)


def _said(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        words = 4
        if isinstance(node, ast.Call) and _speaks(node.func):
            values = node.args[:1]
        elif isinstance(node, (ast.Yield, ast.Return)):  # warnings of the panel
            pair = isinstance(node.value, ast.Tuple)
            values = [*node.value.elts] if pair else [node.value]
            words = 13  # else it is a label or part of a line
        texts = [_text(value) for value in values if value is not None]
        yield from (text for text in texts if len(text.split()) >= words)


def _speaks(function: ast.expr) -> bool:
    """Such as ``print_log``, ``runner.logger.info`` and ``found.warnings.append``."""
    name = getattr(function, 'attr', getattr(function, 'id', ''))
    return name in SAYING or ast.unparse(function).endswith('.warnings.append')


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
