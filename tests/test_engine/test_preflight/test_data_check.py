import json
import re
from pathlib import Path

import pytest
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from toys import run_config

from tskd_mm.engine.preflight.data_check import check_data

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def coco(data: dict, *classes: str, **config: object) -> object:
    return DATASETS.build(
        dict(
            type='CocoDataset',
            data_prefix=dict(img=''),
            metainfo=dict(classes=classes),
            pipeline=[],
            **data,
            **config,
        )
    )


def refused(dataset: object, text: str) -> None:
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        check_data(dataset)


def edit(data: dict, change) -> str:
    file = Path(data['data_root'], data['ann_file'])
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return str(file)


def test_some_of_the_classes_are_fine(data):
    check_data(coco(data, 'class0', 'class1', 'class2'))
    check_data(coco(data, 'class1'))


def test_no_images(tmp_path, data):
    file = edit(data, lambda content: content.update(annotations=[]))
    dataset = coco(
        data, 'class0', filter_cfg=dict(filter_empty_gt=True), serialize_data=False
    )
    text = (
        f'CocoDataset of {file} has no images to train on: check ann_file, '
        'data_prefix, metainfo.classes and filter_cfg; an image without boxes of '
        'these classes is left out'
    )
    refused(dataset, text)
    config = run_config(tmp_path, data)
    config.train_dataloader.dataset.update(
        filter_cfg=dict(filter_empty_gt=True), serialize_data=False
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        Runner.from_cfg(config).train()


def test_class_that_the_file_does_not_have(data):
    file = Path(data['data_root'], data['ann_file'])
    refused(
        coco(data, 'class0', 'dog', 'class2'),
        f"{file} has no categories ['dog']: mmdet would number the others without "
        'them; set metainfo.classes to (some of) the categories of the file: '
        "['class0', 'class1', 'class2']",
    )


def test_annotation_of_an_unknown_class(data):
    file = edit(data, lambda content: content['annotations'][1].update(category_id=17))
    refused(
        coco(data, 'class0'),
        f'{file} has annotations of the categories [17], which are not in its list '
        "'categories': mmdet would leave them out; correct the file",
    )


def test_wrapped_and_concatenated(data):
    whole, wrong = coco(data, 'class0'), dict(metainfo=dict(classes=('dog',)))
    part = dict(type='CocoDataset', data_prefix=dict(img=''), pipeline=[], **data)
    both = DATASETS.build(
        dict(
            type='RepeatDataset',
            times=2,
            dataset=dict(
                type='ConcatDataset',
                datasets=[dict(part, metainfo=whole.metainfo), part | wrong],
                ignore_keys=['classes'],
            ),
        )
    )
    with pytest.raises(ValueError, match=r"has no categories \['dog'\]"):
        check_data(both)
