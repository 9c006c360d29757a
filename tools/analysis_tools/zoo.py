"""Try one config of every folder of MMDetection's or MMPretrain's zoo as a student.

Each becomes a distiller of itself with defaults and, where it has no neck with feature
maps, the taps of ``make_config.py``. It goes through the three phases on random images,
in its own process. Prints a table. Takes an hour or two on two cores. With ``--out``,
run the same command again to continue after an interruption.

Example:
    python tools/analysis_tools/zoo.py mmdet --out zoo_mmdet.md
    python tools/analysis_tools/zoo.py mmpretrain --only resnet swin_transformer
"""

import argparse
import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.utils import get_installed_path

# Names to prefer, and those of large images and of models without a loss.
SMALL = ('nano', 'tiny', 'r18', 'r50', 'small', '400mf', '-t', '-s', 'base')
LAST = ('lsj', 'ssj', 'crop', 'headless')
SECONDS = 600  # of CPU time for one config
MEMORY = 16 * 2**30  # bytes for one config: the largest models fail, not the machine
UNKNOWN = 'not known'
HEADER = '| folder | config | taps | strides | outcome |\n|---|---|---|---|---|'
NOTHING = {'taps': '', 'levels': ''}


def choose(host: str) -> Iterator[tuple[str, str]]:
    """Folder and config, the smallest by its name, for each folder of a zoo."""
    root = Path(get_installed_path(host), '.mim', 'configs')
    is_model = _is_classifier if host == 'mmpretrain' else _is_detector
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if not folder.name.startswith('_'):
            files = sorted(folder.rglob('*.py'), key=_size)
            chosen = next(filter(is_model, files), None)
            if chosen:
                yield folder.name, f'{host}::{chosen.relative_to(root)}'


def _is_detector(file: Path) -> bool:
    return _model_type(file) is not None


def _is_classifier(file: Path) -> bool:
    """Not a model for pre-training, retrieval or text, nor MMDetection's."""
    return _model_type(file) == 'ImageClassifier'


def _model_type(file: Path) -> str | None:
    try:
        return Config.fromfile(file).get('model', {}).get('type')
    except Exception:  # a part of a config, or one that needs another package
        return None


def _size(file: Path) -> tuple[int, int, str]:
    small = [i for i, word in enumerate(SMALL) if word in file.stem]
    last = any(word in file.stem for word in LAST)
    return (last * 100 + min(small, default=len(SMALL)), len(file.stem), file.stem)


def try_in_process(config: str) -> dict[str, str]:
    """Outcome of ``zoo_trial.py`` for one config."""
    command = [sys.executable, str(Path(__file__).with_name('zoo_trial.py')), config]
    # Some configs name others by their path in the host's repository.
    folder = Path(get_installed_path(config.partition('::')[0]), '.mim')
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=_limit, cwd=folder
    )
    if done.returncode == -signal.SIGXCPU:
        return NOTHING | {'outcome': f'{UNKNOWN}: longer than {SECONDS} s of CPU time'}
    found = re.findall(r'^ZOO (.*)$', done.stdout, re.M)
    if found:
        return json.loads(found[-1])
    [*_, last] = done.stderr.splitlines() or ['no output']
    return NOTHING | {'outcome': f'{UNKNOWN}: the process ended ({last[:200]})'}


def _limit() -> None:
    """Counts CPU time, so that other work on the machine changes no outcome."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 10))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def row(folder: str, config: str, found: dict[str, str]) -> str:
    name = config.rpartition('/')[2].removesuffix('.py')
    cells = found['taps'], found['levels'], found['outcome'].replace('|', '/')
    return ' | '.join([f'| {folder}', f'`{name}`', *cells]) + ' |'


def rows_of(table: Path | None) -> dict[str, str]:
    """Rows by folder of a table that was begun; not those without an outcome."""
    if table is None or not table.is_file():
        return {}
    rows = [line for line in table.read_text().splitlines()[2:] if UNKNOWN not in line]
    return {line.split(' | ')[0].lstrip('| '): line for line in rows}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('host', choices=['mmdet', 'mmpretrain'])
    parser.add_argument('--only', nargs='+', help='folders; default: all')
    parser.add_argument('--out', type=Path, help='file for the table, too')
    args = parser.parse_args()
    rows = rows_of(args.out)
    print(HEADER, flush=True)
    for folder, config in choose(args.host):
        if args.only is None or folder in args.only:
            if folder not in rows:
                rows[folder] = row(folder, config, try_in_process(config))
            print(rows[folder], flush=True)
            if args.out:
                args.out.write_text('\n'.join([HEADER, *rows.values()]) + '\n')


if __name__ == '__main__':
    main()
