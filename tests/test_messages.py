"""Every message of the code explains itself or is in the docs on troubleshooting.

It explains itself if it says what to do: after a colon, a semicolon or "or" comes a
verb in the imperative, as in "...: give the path of its weights". What was expected and
what was found stand before that. All other messages have an entry.
"""

import re

import pytest
from doc_blocks import ROOT
from error_texts import HOLE, error_texts, log_texts

pytestmark = pytest.mark.docs
PAGE = ROOT / 'docs' / 'troubleshooting.md'
# Python's own words for a module that lacks a name; a reader meets them everywhere.
OF_PYTHON = 'module … has no attribute …'
VERBS = (
    'add|build|call|check|choose|compare|convert|correct|delete|download|export|give|'
    'import|install|keep|leave|look|make|move|name|pass|plot|read|reduce|register|'
    'remove|resume|run|select|set|start|take|tap|the same command|train|try|use|wrap|'
    'write'
)
CONDITION = r'(?:(?:if|to|in|for) [^,:;]*[, ] ?|then )?'
SAYS_WHAT_TO_DO = re.compile(rf'(?:[:;] |[,;] or ){CONDITION}(?:{VERBS})\b')


def entries() -> list[str]:
    """Messages with an entry: heads of list items and first cells of tables."""
    text = PAGE.read_text()
    items = re.findall(r'^- (`.*?)(?::\n|\n(?=- |\n))', text, re.M | re.S)
    cells = re.findall(r'^\| (`[^|]*)\|', text, re.M)
    found = [e for head in items + cells for e in re.findall(r'`([^`]+)`', head)]
    return [' '.join(entry.split()).strip(f'{HOLE} ') for entry in found]


def unexplained(messages: list[str], known: list[str]) -> list[str]:
    """Those that neither say what to do nor have an entry."""
    return [
        text
        for text in messages
        if text != OF_PYTHON
        and not SAYS_WHAT_TO_DO.search(text)
        and not any(entry in text for entry in known)
    ]


@pytest.mark.parametrize('package', ['tskd_mm', 'tools'])
@pytest.mark.parametrize('find', [error_texts, log_texts])
def test_a_message_explains_itself_or_is_in_troubleshooting(package, find):
    messages = find(ROOT / package)
    assert len(messages) >= {'tskd_mm': 20, 'tools': 2}[package]
    assert unexplained(messages, entries()) == []


def test_what_the_code_says_is_found(tmp_path):
    """Raised, logged, warned of, and yielded for the panel."""
    lines = (
        "raise ValueError(f'{a} is odd: ' 'give an even number')",
        "print_log(f'the file {a} was left out', 'current')",
        "runner.logger.warning('this is a warning')",
        "found.warnings.append('this is one as well')",
        'def look(): yield "and this one has enough words to be more than a label is"',
        "def label(): yield 'a label of a row'",
        "def private(): raise _Ended('not for users')",
    )
    (tmp_path / 'code.py').write_text('\n'.join(lines))
    assert error_texts(tmp_path) == ['… is odd: give an even number']
    assert sorted(log_texts(tmp_path)) == [
        'and this one has enough words to be more than a label is',
        'the file … was left out',
        'this is a warning',
        'this is one as well',
    ]


def test_a_message_without_advice_and_entry_is_reported():
    messages = [
        'x must be even, but got …',
        'x must be even, but got …: give an even number',
        'x must be small, but got …; in a loop take 1, or leave it out',
        'there is no x …: it is odd',
    ]
    assert unexplained(messages, ['there is no x']) == messages[:1]
