"""The code blocks of the README and the docs, as a reader would copy them."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
PAGES = [
    ROOT / 'README.md',
    *sorted(p for p in DOCS.rglob('*.md') if '_build' not in p.parts),
]


@dataclass(frozen=True)
class Block:
    """A fenced block and the heading that it stands under."""

    page: str
    heading: str
    language: str
    text: str

    def commands(self) -> Iterator[list[str]]:
        """The words of each command of a shell block."""
        command = ''
        for line in self.text.replace('\\\n', ' ').splitlines():
            command += f'{line} '
            try:
                words = shlex.split(command, comments=True)
            except ValueError:  # a quoted text goes on in the next line
                continue
            command = ''
            if words:
                yield words

    def statements(self) -> Iterator[str]:
        """What the shell takes as a whole: commands, loops."""
        lines = ''
        for line in self.text.splitlines(keepends=True):
            lines += line
            check = subprocess.run(['bash', '-n', '-c', lines], capture_output=True)
            if check.returncode == 0 and not lines.endswith('\\\n'):
                if not line.startswith('#'):
                    yield lines
                lines = ''


def name_of(page: Path) -> str:
    """``README.md``, or the path of a page in ``docs/``."""
    return page.relative_to(DOCS if DOCS in page.parents else ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """All of a page in order, but for Sphinx's directives."""
    found, heading = [], ''
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line.startswith('#'):
            heading = line.lstrip('# ')
        if line.startswith('```'):
            body = ''.join(f'{row}\n' for row in takewhile(lambda r: r != '```', lines))
            found.append(Block(name_of(page), heading, line.removeprefix('```'), body))
    return [block for block in found if not block.language.startswith('{')]


def all_blocks(language: str) -> list[Block]:
    """Those of one language in the README and on all pages."""
    return [b for page in PAGES for b in blocks(page) if b.language == language]


def block(page: str, heading: str, language: str) -> str:
    """Text of the first such block under a heading."""
    path = ROOT / ('README.md' if page == 'README.md' else f'docs/{page}')
    for found in blocks(path):
        if (found.heading, found.language) == (heading, language):
            return found.text
    raise LookupError(f'{page} has no {language} block under {heading!r}')


def commands(page: str, heading: str) -> list[list[str]]:
    """The words of each command under a heading."""
    here = [
        b for b in blocks(DOCS / page) if (b.heading, b.language) == (heading, 'bash')
    ]
    return [words for found in here for words in found.commands()]


def named_files() -> list[tuple[str, str]]:
    """Page and path of every file of the project that is named or linked."""
    folders = 'configs|docs|requirements|tests|tools|tskd_mm'
    pattern = re.compile(rf'(?<![\w/.-])((?:{folders})/(?!_build)[\w./-]*[\w/])')
    found = []
    for page in PAGES:
        text = page.read_text()
        found += [(name_of(page), path) for path in pattern.findall(text)]
        links = re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text)
        folder = page.parent.relative_to(ROOT)
        found += [(name_of(page), str(folder / link)) for link in links]
    return sorted(set(found))
