"""Tables as text, for a screen and for Markdown: names left, numbers right."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]  # the first is the header


def screen_table(rows: Rows) -> str:
    """Columns as wide as they need, and a line under the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
    return '\n'.join([lines[0], '-' * len(lines[0]), *lines[1:]])


def markdown_table(rows: Rows) -> str:
    """A table for Markdown."""
    header, *body = rows
    rule = ('---', *['--:'] * (len(header) - 1))
    return '\n'.join(f'| {" | ".join(row)} |' for row in (header, rule, *body))
