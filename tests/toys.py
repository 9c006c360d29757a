"""Small stand-ins, shared by the tests. What can be real is real mmdet, only tiny."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config, ConfigDict
from sklearn.datasets import load_sample_images
from torch import Tensor, nn


def tiny_retinanet(width: int = 8, classes: int = 3, **backbone: object) -> ConfigDict:
    """mmdet's RetinaNet R18 with few channels and no pretrained weights."""
    config = Config.fromfile(tiny_retinanet_path())
    model = config.model
    model.backbone.update(depth=18, base_channels=width, init_cfg=None, **backbone)
    model.neck.update(
        in_channels=[width * factor for factor in (1, 2, 4, 8)], out_channels=16
    )
    model.bbox_head.update(num_classes=classes, in_channels=16, feat_channels=16)
    return model


def tiny_retinanet_path() -> str:
    import mmdet

    folder = Path(mmdet.__file__).parent / '.mim' / 'configs' / 'retinanet'
    return str(folder / 'retinanet_r50_fpn_1x_coco.py')


class ToyNet(nn.Module):
    """Backbone and neck with the call signature of a host model, odd sizes welcome.

    ``calls`` counts how often each part ran.
    """

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.neck = ToyNeck(width)
        self.head = nn.Linear(width, 5)
        self.calls = {'backbone': 0, 'head': 0}
        for name in self.calls:
            getattr(self, name).register_forward_hook(self._count(name))

    def _count(self, name: str):
        def count(*args: object) -> None:
            self.calls[name] += 1

        return count

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        levels = self.neck(self.backbone(inputs))
        return self.head(levels[0].mean(dim=(2, 3)))


class ToyNeck(nn.Module):
    """Two levels, the second with half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.down(x)


def coco_set(
    folder: Path, images: int = 4, size: tuple[int, int] = (96, 128)
) -> dict[str, str]:
    """A COCO data set of bright boxes on noise.

    Every other image is taller than wide, so that batches are padded.

    Returns:
        ``data_root`` and ``ann_file`` for ``CocoDataset``.
    """
    rng = np.random.default_rng(0)
    content: dict[str, list] = {
        'images': [],
        'annotations': [],
        'categories': [{'id': i, 'name': f'class{i}'} for i in range(3)],
    }
    for index in range(images):
        height, width = size if index % 2 == 0 else size[::-1]
        picture = rng.integers(0, 90, (height, width, 3), dtype=np.uint8)
        for _ in range(2):
            x, y, side = (int(v) for v in rng.integers((0, 0, 24), (60, 60, 36)))
            kind = int(rng.integers(3))
            picture[y : y + side, x : x + side, kind] = 255
            content['annotations'].append(
                {
                    'id': len(content['annotations']) + 1,
                    'image_id': index,
                    'category_id': kind,
                    'bbox': [x, y, side, side],
                    'area': side * side,
                    'iscrowd': 0,
                }
            )
        cv2.imwrite(str(folder / f'{index}.png'), picture)
        content['images'].append(
            {'id': index, 'file_name': f'{index}.png', 'height': height, 'width': width}
        )
    (folder / 'boxes.json').write_text(json.dumps(content))
    return {'data_root': f'{folder}/', 'ann_file': 'boxes.json'}


def same_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def tiny_distiller(teacher_width: int = 12, **config: object) -> nn.Module:
    """A distiller of tiny RetinaNets; the teacher is wider and has other classes."""
    from mmengine.registry import MODELS

    return MODELS.build(
        {
            'type': 'TSKDDistiller',
            'student': tiny_retinanet(),
            'teacher': tiny_retinanet(teacher_width, classes=5),
            'teacher_checkpoint': None,
            **config,
        }
    )


def detection_batch(
    preprocessor: nn.Module, shapes: tuple = ((64, 96), (96, 64))
) -> tuple[Tensor, list]:
    """Images of the given heights and widths, preprocessed, with their samples."""
    from mmdet.testing import demo_mm_inputs

    shapes = [(3, *shape) for shape in shapes]
    data = demo_mm_inputs(len(shapes), shapes, num_classes=3)
    data = preprocessor(data, True)
    return data['inputs'], data['data_samples']


def run_tool(folder: Path, *command: str) -> str:
    """Run a Python tool in ``folder`` as a user would; its output."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f'{command[0]} failed:\n{output[-3000:]}')
    return output


def scalars(work_dir: Path) -> list[dict]:
    """What a run logged, in order."""
    [file] = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in file.read_text().splitlines()]


def photos(masks: bool = False, scale: int = 1) -> dict:
    """Two real photographs of different shape, small, with a box each.

    Returns:
        A batch as mmdet's data loader gives it: ``inputs`` and ``data_samples``.
    """
    wide, tall = load_sample_images().images
    size = (128 * scale, 96 * scale)
    images = [cv2.resize(wide, size), cv2.resize(tall, size)]
    images[1] = np.ascontiguousarray(images[1].transpose(1, 0, 2))
    batch = demo_mm_inputs(
        2, [[3, *image.shape[:2]] for image in images], num_classes=3, with_mask=masks
    )
    batch['inputs'] = [
        torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1) for image in images
    ]
    return batch
