"""What users of the package have already: small configs that train with the host."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
from doc_blocks import block, commands
from toys import coco_set, tiny_retinanet


def drawn_images(folder: Path) -> dict:
    """Four images, as a data set of mmdet."""
    images = folder / 'images'
    images.mkdir()
    classes = ('class0', 'class1', 'class2')
    return dict(
        metainfo=dict(classes=classes), data_prefix=dict(img=''), **coco_set(images)
    )


def user_detector(folder: Path, dataset: dict | None = None, epochs: int = 4) -> None:
    """``my_detector.py``, of three classes: trains with stock mmdet, and is tiny.

    Args:
        folder: Of the user.
        dataset: To train and test on; default: four images that are drawn.
        epochs: Of a training.
    """
    dataset = dataset or drawn_images(folder)
    loader = dict(num_workers=0, persistent_workers=False, dataset=dataset)
    evaluator = dict(ann_file=dataset['data_root'] + dataset['ann_file'])
    model = tiny_retinanet().to_dict()
    model['test_cfg']['score_thr'] = 0.0  # so that it finds something untrained
    settings = dict(
        model=dict(_delete_=True, **model),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        train_cfg=dict(max_epochs=epochs, val_interval=4),
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


def user_classifier(folder: Path, images: int = 4) -> None:
    """What docs/classifiers.md starts with, and the configs that it writes."""
    classifier_images(folder, images)
    classifier_files(folder)


def classifier_images(folder: Path, images: int) -> None:
    """``data/mine``: images in folders of three classes."""
    rng = np.random.default_rng(0)
    for split, light in product(('train', 'val'), (40, 120, 200)):
        name = {40: 'bolt', 120: 'nut', 200: 'washer'}[light]
        place = folder / 'data' / 'mine' / split / name
        place.mkdir(parents=True)
        for index in range(images):
            pixels = rng.integers(light - 40, light + 40, (64, 64, 3), np.uint8)
            cv2.imwrite(str(place / f'{index}.jpg'), pixels)


def classifier_files(folder: Path) -> None:
    """The configs that the page writes."""
    student = block('classifiers.md', 'Your images', 'python')
    [words] = [
        words
        for words in commands('classifiers.md', 'The teacher')
        if words[0] == 'sed'
    ]
    _, old, new, _ = words[1].split('#')
    (folder / 'my_classifier.py').write_text(student)
    (folder / 'my_teacher.py').write_text(student.replace(old, new))
    lines = block('classifiers.md', 'The taps', 'python')
    (folder / 'my_tskd_classifier.py').write_text(lines)
