"""A reader types the commands of a page in their order, and comes to its end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_blocks import DOCS, PAGES, Block, blocks, name_of
from doc_commands import PARSED, way_of
from reader import Reader, stand_in_weights

pytestmark = [pytest.mark.docs, pytest.mark.slow]
PLACE = 'PATH OF THE WEIGHTS'
# What is there before a page begins.
GIVEN = {
    'README.md': Reader.has_detector,
    'get_started.md': Reader.has_detector,
    'classifiers.md': Reader.has_folders,
    'choosing.md': Reader.has_training,
    'extending.md': Reader.has_training,
    'how_it_works.md': Reader.has_training,
    'reading_the_log.md': Reader.has_training,
    'long_runs.md': Reader.has_training,
    'after_training.md': Reader.has_average,
    'losses.md': Reader.has_coco,
    'recipes.md': Reader.has_coco,
    'appendix/studies.md': Reader.has_studies,
}
# The files in which a reader puts the Python blocks under a heading, in their order.
FILES = {
    ('get_started.md', '3. Your own config'): ['my_tskd_config.py'],
    ('get_started.md', '5. Own data'): ['my_detector.py'],
    ('classifiers.md', 'Your images'): ['my_classifier.py'],
    ('classifiers.md', 'The taps'): ['my_tskd_classifier.py'],
    ('extending.md', 'A loss'): ['my_losses.py', 'my_cosine_config.py'],
}
# What the commands leave in the end.
LEFT = {
    'README.md': ['work_dirs/my_tskd_config/epoch_12.pth'],
    'get_started.md': ['work_dirs/my_tskd_config/epoch_100.pth'],
    'classifiers.md': ['work_dirs/my_tskd_classifier/epoch_100.pth'],
    'choosing.md': ['work_dirs/compare/runs.csv'],
    'extending.md': ['work_dirs/my_cosine_config/epoch_12.pth'],
    'how_it_works.md': ['attention.png'],
    'reading_the_log.md': ['work_dirs/my_tskd_config/curves.png'],
    'after_training.md': ['work_dirs/own.pth', 'work_dirs/average.pth', 'student-*.pth']
    + ['attention.png', 'work_dirs/my_tskd_config/curves.png'],
    'recipes.md': ['work_dirs/resnet56_cifar10/epoch_240.pth'],
    'performance.md': ['retinanet.json', 'cifar.json'],
}


def commands_of(found: Block) -> str:
    """Those of a block that are run."""
    return ''.join(c for c in found.statements() if way_of(c)[0] != PARSED)


def in_order(page: Path) -> list[Block]:
    """The blocks of a page as a reader comes to them."""
    found = blocks(page)
    if page.name == 'studies.md':  # its end makes what the commands above it need
        found.sort(key=lambda b: b.heading != 'How to go on')
    return found


RUNNING = [
    name_of(page)
    for page in PAGES
    if any(b.language == 'bash' and commands_of(b) for b in blocks(page))
]


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    """Where downloads would be."""
    home = tmp_path_factory.mktemp('home')
    stand_in_weights(home)
    return home


@pytest.fixture
def reader(tmp_path, shared_data, home) -> Iterator[Reader]:
    yield Reader(tmp_path / 'clone', shared_data, home)
    shutil.rmtree(tmp_path / 'clone')  # gigabytes of checkpoints


def name_the_weights(reader: Reader) -> None:
    """As docs/get_started.md says, in a config that has a place for them."""
    config = reader.folder / 'my_tskd_config.py'
    if config.exists() and PLACE in (lines := config.read_text()):
        path = 'work_dirs/my_teacher/epoch_100.pth'
        assert f'`{PLACE}` by `{path}`' in (DOCS / 'get_started.md').read_text()
        config.write_text(lines.replace(PLACE, path))
        reader.type('python tools/check.py my_tskd_config.py')


@pytest.mark.parametrize('name', RUNNING)
def test_a_reader_comes_to_the_end_of_a_page(name, reader):
    if name in GIVEN:
        GIVEN[name](reader)
    files = {key: [*names] for key, names in FILES.items()}
    for found in in_order(DOCS.parent / name if name == 'README.md' else DOCS / name):
        names = files.get((name, found.heading))
        if found.language == 'python' and names:
            reader.write(names.pop(0), found.text)
        if found.language == 'bash' and (lines := commands_of(found)):
            print(lines, reader.type(lines)[-2000:])
            name_the_weights(reader)
        if found.text.startswith('data/'):  # how the folder is laid out
            for path in found.text.split():
                assert [*reader.folder.glob(path)], path
    for file in LEFT.get(name, []):
        assert [*reader.folder.glob(file)], file
