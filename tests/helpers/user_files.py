"""What users of the package have already: small configs that train with the host."""

from pathlib import Path

import cv2
import numpy as np
from toys import coco_set, tiny_retinanet


def user_detector(folder: Path) -> None:
    """``my_detector.py``: trains with stock mmdet: tiny, four images, four epochs."""
    images = folder / 'images'
    images.mkdir()
    data = coco_set(images)
    dataset = dict(metainfo=dict(classes=('class0', 'class1', 'class2')), **data)
    dataset.update(data_prefix=dict(img=''))
    loader = dict(num_workers=0, persistent_workers=False, dataset=dataset)
    evaluator = dict(ann_file=data['data_root'] + data['ann_file'])
    model = tiny_retinanet().to_dict()
    model['test_cfg']['score_thr'] = 0.0  # so that it finds something untrained
    settings = dict(
        model=dict(_delete_=True, **model),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        train_cfg=dict(max_epochs=4, val_interval=4),
    )
    base = "_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'\n"
    lines = [f'{name} = {value!r}\n' for name, value in settings.items()]
    # The R50 of the base has no place offline.
    resize = 'scale=(128, 96), keep_ratio=True)\n'
    for pipeline, index in (('train', 2), ('val', 1), ('test', 1)):
        name = f'{pipeline}_dataloader.dataset.pipeline'
        lines.append(f"_base_.{name}[{index}] = dict(type='Resize', {resize}")
        lines.append(f"{pipeline}_dataloader['dataset']['pipeline'] = _base_.{name}\n")
    (folder / 'my_detector.py').write_text(base + ''.join(lines))


CLASSIFIER = """\
_base_ = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'

model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(num_classes=2, in_channels=64, topk=(1,)),
)
data_preprocessor = dict(num_classes=2, to_rgb=True)
_load = dict(type='LoadImageFromFile')
_train = [_load, *_base_.train_dataloader.dataset.pipeline]
_test = [_load, *_base_.test_dataloader.dataset.pipeline]
_set = dict(_delete_=True, type='CustomDataset', data_root='pictures')
train_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(pipeline=_train, **_set)
)
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(pipeline=_test, **_set)
)
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=4, val_interval=4)
"""


def user_classifier(folder: Path) -> None:
    """``my_classifier.py``: trains with stock mmpretrain on dark and bright images."""
    rng = np.random.default_rng(0)
    for label, light in (('dark', 60), ('bright', 200)):
        (folder / 'pictures' / label).mkdir(parents=True)
        for index in range(8):
            pixels = rng.integers(light - 40, light + 40, (32, 32, 3), np.uint8)
            cv2.imwrite(str(folder / 'pictures' / label / f'{index}.png'), pixels)
    (folder / 'my_classifier.py').write_text(CLASSIFIER)
