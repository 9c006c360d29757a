"""Takes a few images of the data sets: python small_data.py SOURCE TARGET"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

IMAGES = {'train2017': 16, 'val2017': 8}
CIFAR = {'train': 400, 'test': 100}


def small_coco(source: Path, target: Path) -> None:
    """The first images of each split of a COCO data set, with their annotations."""
    (target / 'annotations').mkdir(parents=True)
    for split, count in IMAGES.items():
        name = f'annotations/instances_{split}.json'
        content = json.loads((source / name).read_text())
        content['images'] = content['images'][:count]
        kept = {image['id'] for image in content['images']}
        content['annotations'] = [
            one for one in content['annotations'] if one['image_id'] in kept
        ]
        (target / name).write_text(json.dumps(content))
        (target / split).mkdir()
        for image in content['images']:
            shutil.copy(source / split / image['file_name'], target / split)


def small_cifar(source: Path, target: Path) -> None:
    """The first images of each split of an npz file."""
    with np.load(source) as arrays:
        parts = {
            f'{kind}_{split}': arrays[f'{kind}_{split}'][:count]
            for split, count in CIFAR.items()
            for kind in 'xy'
        }
    np.savez_compressed(target, **parts)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    small_coco(source / 'coco_tiny', target / 'coco')
    cifar = source / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
    small_cifar(cifar, target / 'cifar.npz')
    shutil.copy(source / 'cifar10_teachers' / 'resnet56-4bfd9763.th', target)


if __name__ == '__main__':
    main()
