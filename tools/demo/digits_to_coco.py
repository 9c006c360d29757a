"""Makes a COCO-format detection set from real handwritten digits.

The digits are the 1797 of ``sklearn.datasets.load_digits`` (8x8 pixels, written by 43
people), which come with scikit-learn: nothing is downloaded. Training and validation
images are drawn from different digits.
"""

import argparse
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from sklearn.datasets import load_digits

from tskd_mm.apis.errors_as_messages import errors_as_messages

from .digit_scene import draw_scene

CLASSES = tuple('0123456789')
TRAIN_SHARE = 0.8  # of the source digits
RECORD = 'settings.json'  # written last; a set without it is not whole
MIN_SIZE = 64


@dataclass(frozen=True)
class Settings:
    """What a set is made of; the same settings give the same bytes.

    Attributes:
        train: Number of training images.
        val: Number of validation images.
        size: Height and width of the images in pixels.
        seed: Decides everything that varies.
        version: Of the drawing; changes when the same settings give other images.

    Raises:
        ValueError: If a number is out of range.
    """

    train: int = 640
    val: int = 200
    size: int = 128
    seed: int = 0
    version: int = 1

    def __post_init__(self) -> None:
        for name, least in (('train', 1), ('val', 1), ('size', MIN_SIZE), ('seed', 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f'{name} must be at least {least}, but got {value}')


def make_set(out: Path, settings: Settings) -> bool:
    """Make the set, unless it is there already.

    It is made next to ``out`` and moved there when it is whole.

    Args:
        out: Folder of the set.
        settings: What to make.

    Returns:
        Whether it had to be made.

    Raises:
        FileExistsError: If ``out`` holds something that is not a set of this tool.
    """
    if is_whole(out, settings):
        return False
    if out.exists() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise FileExistsError(
            f'{out} is in the way: it holds files, but no {RECORD} of this tool; give '
            'another --out or move it away'
        )
    partial = out.with_name(f'{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    (partial / 'annotations').mkdir(parents=True)
    digits = load_digits()
    for split, sources in split_sources(len(digits.target), settings.seed).items():
        content = _make_split(partial / split, split, sources, digits, settings)
        _write_json(partial / 'annotations' / f'{split}.json', content)
    _write_json(partial / RECORD, asdict(settings))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return True


def is_whole(out: Path, settings: Settings) -> bool:
    """Whether ``out`` holds the set with these settings and all its images."""
    record = out / RECORD
    if not record.is_file() or json.loads(record.read_text()) != asdict(settings):
        return False
    counts = {'train': settings.train, 'val': settings.val}
    return all(
        (out / 'annotations' / f'{split}.json').is_file()
        and len(list((out / split).glob('*.png'))) == count
        for split, count in counts.items()
    )


def split_sources(total: int, seed: int) -> dict[str, NDArray[np.int64]]:
    """Indices of the digits for each split; no digit is in both."""
    order = np.random.default_rng(seed).permutation(total)
    cut = round(total * TRAIN_SHARE)
    return {'train': np.sort(order[:cut]), 'val': np.sort(order[cut:])}


def _make_split(
    folder: Path,
    split: str,
    sources: NDArray[np.int64],
    digits: Any,
    settings: Settings,
) -> dict[str, Any]:
    """Write the images of one split; returns its annotations in COCO's format."""
    folder.mkdir()
    content: dict[str, Any] = {
        'info': {'description': 'handwritten digits of scikit-learn', 'version': '1'},
        'categories': [{'id': i, 'name': name} for i, name in enumerate(CLASSES, 1)],
        'images': [],
        'annotations': [],
    }

    count = getattr(settings, split)
    print(f'{split}: {count} images')
    for number in track(range(1, count + 1), split, console=Console(stderr=True)):
        # A stream of its own for each image: none depends on how many there are.
        rng = np.random.default_rng([settings.seed, split == 'val', number])
        image, drawn = draw_scene(digits.images, sources, settings.size, rng)
        name = f'{number:06d}.png'
        if not cv2.imwrite(str(folder / name), image):
            raise OSError(
                f'{folder / name} cannot be written: check the space on the disk'
            )
        side = {'height': settings.size, 'width': settings.size}
        content['images'].append({'id': number, 'file_name': name, **side})
        for digit in drawn:
            content['annotations'].append(
                {
                    'id': len(content['annotations']) + 1,
                    'image_id': number,
                    'category_id': int(digits.target[digit.source]) + 1,
                    'bbox': list(digit.box),
                    'area': digit.box[2] * digit.box[3],
                    'iscrowd': 0,
                    'source': digit.source,
                }
            )
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content) + '\n')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('data/digits'))
    for name, value in asdict(Settings()).items():
        if name != 'version':
            parser.add_argument(f'--{name}', type=int, default=value)
    return parser.parse_args()


@errors_as_messages()
def main() -> None:
    args = vars(parse_args())
    out = args.pop('out')
    made = make_set(out, Settings(**args))
    print(f'{out}: made' if made else f'{out}: already there, reused')


if __name__ == '__main__':
    main()
