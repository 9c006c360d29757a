"""Shows what TSKD compares in one image, as one row of attention maps.

Teacher, past students oldest first, the student now, the change that its history
predicts, and the gap to the teacher that is really left.
"""

import argparse
from pathlib import Path
from typing import Any

import mmcv
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.load_distiller import load_distiller
from tskd_mm.apis.read_config import read_config
from tskd_mm.visualization import draw_reviews, review_image


def load_image(config: Config, image: Path) -> Any:
    """A batch of one image, as the test pipeline prepares it.

    A pipeline that loads no file (of CIFAR) is given the pixels, in RGB as there.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not image.is_file():
        raise FileNotFoundError(f'there is no image {image}')
    steps = config.test_dataloader.dataset.pipeline
    if any('LoadImage' in step['type'] for step in steps):
        content = {'img_path': str(image), 'img_id': 0}
    else:
        content = {'img': mmcv.imread(image, channel_order='rgb')}
    init_default_scope(config.get('default_scope', 'mmdet'))
    return pseudo_collate([Compose(steps)(content)])


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config with a TSKDDistiller')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('image', type=Path)
    parser.add_argument('--out', type=Path, required=True, help='PNG to write')
    parser.add_argument('--level', type=int, default=0, help='from 0, the finest')
    return parser.parse_args()


@errors_as_messages()
def main() -> None:
    args = parse_args()
    config = read_config(args.config)
    batch = load_image(config, args.image)
    model = load_distiller(config, args.checkpoint)
    reviewed = review_image(model, batch, args.level)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draw_reviews({args.checkpoint.stem: reviewed}).savefig(args.out, dpi=150)
    print(f'{args.out}: written')


if __name__ == '__main__':
    main()
