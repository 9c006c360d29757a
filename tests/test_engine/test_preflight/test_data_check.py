"""What a training set must have, whatever its format."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from coco_files import coco, edit
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from refusals import refused
from torch import nn
from torch.utils.data import DataLoader
from toys import run_config, tiny_retinanet

from tskd_mm.engine.preflight.data_check import check_data
from tskd_mm.engine.preflight.dataset_parts import count_labels

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def loader(dataset: object, **config: object) -> DataLoader:
    return DataLoader(dataset, **config)


def assert_set_refused(dataset: object, text: str) -> None:
    with refused(text):
        check_data(loader(dataset), nn.Identity())


def test_some_of_the_classes_are_fine(data):
    check_data(loader(coco(data, 'class0', 'class1', 'class2')), nn.Identity())
    check_data(loader(coco(data, 'class1')), nn.Identity())


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
    assert_set_refused(dataset, text)
    config = run_config(tmp_path, data)
    config.train_dataloader.dataset.update(
        filter_cfg=dict(filter_empty_gt=True), serialize_data=False
    )
    with refused(text):
        Runner.from_cfg(config).train()


def test_class_that_the_file_does_not_have(data):
    file = Path(data['data_root'], data['ann_file'])
    assert_set_refused(
        coco(data, 'class0', 'dog', 'class2'),
        f"{file} has no categories ['dog']: mmdet would number the others without "
        'them; set metainfo.classes to (some of) the categories of the file: '
        "['class0', 'class1', 'class2']",
    )


def test_annotation_of_an_unknown_class(data):
    file = edit(data, lambda content: content['annotations'][1].update(category_id=17))
    assert_set_refused(
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
        check_data(loader(both), nn.Identity())


def test_numbers_of_classes_written_as_text(data):
    """MMDetection compares them with numbers and finds no box."""
    edit(data, lambda content: [_as_text(box) for box in content['annotations']])
    assert_set_refused(
        coco(
            data, 'class0', 'class1', 'class2', filter_cfg=dict(filter_empty_gt=False)
        ),
        'the training set has no box of any class among its 4 images: compare '
        'metainfo.classes with the names, and the type of the numbers, in the '
        'annotation files',
    )


def _as_text(box: dict) -> None:
    box['category_id'] = str(box['category_id'])


@pytest.mark.parametrize('classes', [('cat',), ('cta',)])
def test_names_in_another_format(tmp_path, classes: tuple):
    """Made up: Pascal VOC, with a name that is spelt in another way."""
    for folder in ('Annotations', 'JPEGImages'):
        (tmp_path / 'VOC2007' / folder).mkdir(parents=True)
    (tmp_path / 'list.txt').write_text('a\n')
    (tmp_path / 'VOC2007' / 'Annotations' / 'a.xml').write_text(
        '<annotation><size><width>64</width><height>64</height></size><object>'
        '<name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin>'
        '<xmax>40</xmax><ymax>40</ymax></bndbox></object></annotation>'
    )
    dataset = DATASETS.build(
        dict(
            type='VOCDataset',
            data_root=str(tmp_path),
            ann_file='list.txt',
            data_prefix=dict(sub_data_root='VOC2007/'),
            metainfo=dict(classes=classes),
            pipeline=[],
        )
    )
    if classes == ('cat',):
        check_data(loader(dataset), nn.Identity())
        return
    with pytest.raises(ValueError, match='^the training set has no box of any class'):
        check_data(loader(dataset), nn.Identity())


def test_one_part_without_boxes_is_fine(tmp_path, data):
    """Images of the background, as a part of more."""
    content = json.loads(Path(data['data_root'], data['ann_file']).read_text())
    empty = Path(data['data_root'], 'empty.json')
    empty.write_text(json.dumps(content | {'annotations': []}))
    part = dict(type='CocoDataset', data_prefix=dict(img=''), pipeline=[])
    part.update(data_root=data['data_root'], metainfo=dict(classes=('class0',)))
    both = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[dict(part, ann_file=f) for f in ('boxes.json', 'empty.json')],
        )
    )
    check_data(loader(both), nn.Identity())


def test_a_head_without_a_place_for_a_label(data):
    model = MODELS.build(tiny_retinanet(classes=2))
    text = (
        'the training set has labels up to 2, but the head of RetinaNet only 2 '
        'classes, from 0: set num_classes of the head to the number of '
        'metainfo.classes'
    )
    dataset = coco(data, 'class0', 'class1', 'class2')
    with refused(text):
        check_data(loader(dataset), model)
    check_data(loader(dataset), MODELS.build(tiny_retinanet(classes=3)))


def test_a_loader_without_a_batch(data):
    dataset = coco(data, 'class0', 'class1', 'class2')
    text = (
        'the training loader yields no batch of its 4 images (batch_size=8, '
        'drop_last=True): set a smaller batch_size, or drop_last=False'
    )
    with refused(text):
        check_data(loader(dataset, batch_size=8, drop_last=True), nn.Identity())
    check_data(loader(dataset, batch_size=4, drop_last=True), nn.Identity())


@pytest.mark.parametrize('labels', [[0, 1, 2, 1], [[0, 2], [1], [2], []]])
def test_labels_of_a_classifier(labels: list):
    dataset = BaseDataset(metainfo=dict(classes=('a', 'b', 'c')), lazy_init=True)
    dataset.data_list = [dict(gt_label=label) for label in labels]
    dataset.serialize_data, dataset._fully_initialized = False, True
    expected = [label for found in labels for label in np.ravel(found).astype(int)]
    assert count_labels(dataset) == Counter(expected)


def test_a_data_set_that_says_nothing_about_its_labels():
    assert count_labels([1, 2]) is None
    check_data(loader([1, 2]), nn.Identity())
