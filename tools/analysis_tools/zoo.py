"""Try one config of every folder of MMDetection's or MMPretrain's zoo as a student.

Each becomes a distiller of itself with nothing but defaults, and goes through the three
phases on random images, in a process of its own. Prints a table. Takes an hour or two
on two cores.

Example:
    python tools/analysis_tools/zoo.py mmdet --out zoo_mmdet.md
    python tools/analysis_tools/zoo.py mmpretrain --only resnet swin_transformer
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.utils import get_installed_path

SMALL = ('nano', 'tiny', 'r18', 'r50', 'small', '-t', '-s')  # names to prefer
LARGE = ('lsj', 'ssj', 'crop')  # names of large images
SECONDS = 600  # for one config
HEADER = '| folder | config | levels (strides) | outcome |\n|---|---|---|---|'


def choose(host: str) -> Iterator[tuple[str, str]]:
    """Folder and config, the smallest by its name, for each folder of a zoo."""
    root = Path(get_installed_path(host), '.mim', 'configs')
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        files = [f for f in sorted(folder.glob('*.py')) if _is_model(f)]
        if files and not folder.name.startswith('_'):
            chosen = min(files, key=_size)
            yield folder.name, f'{host}::{chosen.relative_to(root)}'


def _is_model(file: Path) -> bool:
    try:
        return 'type' in Config.fromfile(file).get('model', {})
    except Exception:  # a part of a config, or one that needs another package
        return False


def _size(file: Path) -> tuple[int, int, str]:
    small = [i for i, word in enumerate(SMALL) if word in file.stem]
    large = any(word in file.stem for word in LARGE)
    return (large * 100 + min(small, default=len(SMALL)), len(file.stem), file.stem)


def try_in_process(config: str) -> dict[str, str]:
    """Outcome of :mod:`tskd_mm.apis.zoo_trial` for one config."""
    command = [sys.executable, '-m', 'tskd_mm.apis.zoo_trial', config]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {'levels': '', 'outcome': f'not known: longer than {SECONDS} s'}
    found = re.findall(r'^ZOO (.*)$', done.stdout, re.M)
    if found:
        return json.loads(found[-1])
    [*_, last] = done.stderr.splitlines() or ['no output']
    return {'levels': '', 'outcome': f'not known: the process ended ({last[:200]})'}


def row(folder: str, config: str, found: dict[str, Any]) -> str:
    name = config.rpartition('/')[2].removesuffix('.py')
    outcome = found['outcome'].replace('|', '/')
    return f'| {folder} | `{name}` | {found["levels"]} | {outcome} |'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('host', choices=['mmdet', 'mmpretrain'])
    parser.add_argument('--only', nargs='+', help='folders; default: all')
    parser.add_argument('--out', help='file for the table, too')
    args = parser.parse_args()
    lines = HEADER.splitlines()
    print(HEADER, flush=True)
    for folder, config in choose(args.host):
        if args.only is None or folder in args.only:
            lines.append(row(folder, config, try_in_process(config)))
            print(lines[-1], flush=True)
            if args.out:
                Path(args.out).write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
