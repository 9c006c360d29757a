"""Writes the images of an npz file into folders, one a class, as PNGs.

MMPretrain's CustomDataset reads such folders. The file holds for each split the arrays
``x_SPLIT`` (images, uint8, N x H x W x 3, RGB) and ``y_SPLIT`` (N class numbers).

Example:
    python tools/dataset_converters/npz_to_folders.py cifar10.npz data/cifar10
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from tskd_mm.apis.errors_as_messages import errors_as_messages


def convert(source: Path, target: Path) -> dict[str, int]:
    """Write ``target/SPLIT/CLASS/NUMBER.png`` for every image.

    Args:
        source: The npz file.
        target: Folder to write; must not exist.

    Returns:
        Number of images of each split.

    Raises:
        FileExistsError: If the folder is there already.
        OSError: If an image cannot be written.
        ValueError: If the file holds no images in such arrays.
    """
    if target.exists():
        raise FileExistsError(f'{target} is there already: give another folder')
    counts = {}
    with np.load(source) as arrays:
        splits = [name[2:] for name in arrays.files if name.startswith('x_')]
        if not splits or any(f'y_{split}' not in arrays.files for split in splits):
            raise ValueError(
                f'{source} must hold arrays x_SPLIT and y_SPLIT, but holds '
                f'{", ".join(arrays.files) or "none"}'
            )
        for split in splits:
            images, labels = arrays[f'x_{split}'], arrays[f'y_{split}']
            counts[split] = len(images)
            # CustomDataset numbers classes in the order of their folders' names.
            digits = len(str(int(labels.max())))
            for number, (image, label) in enumerate(zip(images, labels)):
                folder = target / split / f'{int(label):0{digits}}'
                folder.mkdir(parents=True, exist_ok=True)
                file = folder / f'{number:06}.png'
                if not cv2.imwrite(str(file), image[..., ::-1]):
                    raise OSError(
                        f'{file} cannot be written: check the space on the disk'
                    )
    return counts


@errors_as_messages()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='npz file')
    parser.add_argument('target', type=Path, help='folder to write')
    args = parser.parse_args()
    counts = convert(args.source, args.target)
    text = ', '.join(f'{count} {split}' for split, count in counts.items())
    print(f'{args.target}: {text} images written')


if __name__ == '__main__':
    main()
