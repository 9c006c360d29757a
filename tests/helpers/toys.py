"""Small stand-ins, shared by the tests. What can be real is real mmdet, only tiny."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.models.necks import FPN
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS
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


class DroppingNet(ToyNet):
    """With dropout, a part that nothing calls and a part that returns no map."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.unused = nn.Conv2d(1, 1, 1)
        self.flat = nn.Flatten()

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        self.flat(inputs)
        return super().forward(self.drop(inputs), data_samples, mode)


def forward_hooks(net: nn.Module) -> int:
    """How many there are on the modules of a net."""
    return sum(len(module._forward_hooks) for module in net.modules())


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


def load_whole(file: Path | str) -> dict:
    """A checkpoint of our own making with all its objects, on the CPU."""
    return torch.load(file, map_location='cpu', weights_only=False)


def same_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def tiny_distiller(teacher_width: int = 12, **config: object) -> nn.Module:
    """A distiller of tiny RetinaNets; the teacher is wider and has other classes."""
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
    shapes = [(3, *shape) for shape in shapes]
    data = demo_mm_inputs(len(shapes), shapes, num_classes=3)
    data = preprocessor(data, True)
    return data['inputs'], data['data_samples']


# What docs/after_training.md says to set for host tools that read checkpoints.
TRUSTING = {'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'}


def run_tool(folder: Path, *command: str, **variables: str) -> str:
    """Run a Python tool in ``folder`` as a user would; its output."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | variables,
    )
    output = without_chatter(done.stdout + done.stderr)
    if done.returncode:
        raise RuntimeError(f'{command[0]} failed:\n{output[-3000:]}')
    return output


def without_chatter(output: str) -> str:
    """Output without what the modern stack's MMDetection says at its import."""
    lines = output.splitlines(keepends=True)
    return ''.join(x for x in lines if not x.startswith('Could not import OneDL'))


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


def run_config(
    folder: Path, data: dict, epochs: int = 5, augment: bool = False, **hook: object
) -> ConfigDict:
    """A real detector's TSKD training on a :func:`coco_set`, a second an epoch.

    Args:
        folder: Where the work directory goes.
        data: From :func:`coco_set`.
        epochs: Length of the training.
        augment: Draw random numbers for every image.
        hook: Arguments of TSKDMemoryHook; default: a node every epoch.
    """
    random = [
        dict(type='RandomChoiceResize', scales=[(96, 64), (128, 96)], keep_ratio=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion'),
    ]
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        *(random if augment else []),
        dict(type='PackDetInputs'),
    ]
    return ConfigDict(
        default_scope='mmdet',
        work_dir=str(folder / 'work'),
        model=dict(
            type='TSKDDistiller',
            student=tiny_retinanet(),
            teacher=tiny_retinanet(width=12),
            teacher_checkpoint=None,
        ),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
            dataset=dict(
                type='CocoDataset',
                pipeline=pipeline,
                metainfo=dict(classes=('class0', 'class1', 'class2')),
                data_prefix=dict(img=''),
                **data,
            ),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-3)
        ),
        custom_hooks=[dict(type='TSKDMemoryHook', **(hook or dict(interval=1)))],
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        randomness=dict(seed=0),
        log_level='ERROR',
        experiment_name=f'run_{folder}',
    )


def with_validation(config: ConfigDict) -> ConfigDict:
    """Add a validation after every epoch, on the training images."""
    config.model.student.test_cfg.update(score_thr=0.0, nms_pre=20, max_per_img=5)
    dataset = copy.deepcopy(config.train_dataloader.dataset)
    dataset.update(test_mode=True)
    dataset.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(128, 96), keep_ratio=True),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(
            type='PackDetInputs',
            meta_keys=('img_id', 'ori_shape', 'img_shape', 'scale_factor'),
        ),
    ]
    config.val_dataloader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
        dataset=dataset,
    )
    config.val_cfg = dict(type='ValLoop')
    ann_file = dataset.data_root + dataset.ann_file
    config.val_evaluator = dict(type='CocoMetric', ann_file=ann_file, metric='bbox')
    return config


@MODELS.register_module()
class FPNWithDropout(FPN):
    """A neck that draws random numbers in training."""

    def forward(self, inputs: tuple[Tensor]) -> tuple[Tensor, ...]:
        return super().forward(
            [nn.functional.dropout(x, 0.1, self.training) for x in inputs]
        )
