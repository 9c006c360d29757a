"""Head, data sets and evaluator are compared before the training."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from coco_files import coco, edit
from mmengine.registry import METRICS, MODELS
from torch import nn
from toys import tiny_retinanet

from tskd_mm.engine.preflight.class_check import class_warnings, head_classes

NAMES = ('class0', 'class1', 'class2')
MORE = [{'id': i, 'name': f'more{i}'} for i in range(3, 12)]

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def runner(train: object, val: object = None, *metrics: object) -> SimpleNamespace:
    loaders = [x and SimpleNamespace(dataset=x) for x in (train, val)]
    loop = val and SimpleNamespace(
        dataloader=loaders[1], evaluator=SimpleNamespace(metrics=metrics)
    )
    return SimpleNamespace(train_dataloader=loaders[0], val_loop=loop)


def head(classes: int) -> nn.Module:
    return MODELS.build(tiny_retinanet(classes=classes))


def warnings(model: nn.Module, *arguments: object) -> list[str]:
    return [*class_warnings(runner(*arguments), model)]


def test_all_agree(data):
    train = coco(data, *NAMES)
    metric = METRICS.build(
        dict(type='CocoMetric', ann_file=data['data_root'] + data['ann_file'])
    )
    assert warnings(head(3), train) == []
    assert warnings(head(3), train, coco(data, *NAMES), metric) == []


def test_a_head_with_more_classes(data):
    assert warnings(head(80), coco(data, *NAMES)) == [
        'the head of RetinaNet has 80 classes, but the training set 3 (class0, class1, '
        'class2): set num_classes of the head, or metainfo.classes of the data set'
    ]


@pytest.mark.parametrize(
    'classes, what',
    [
        (('class0', 'class1'), 'the 2 classes class0, class1'),
        (('class0', 'class2', 'class1'), 'the 3 classes class0, class2, class1'),
    ],
    ids=['number', 'order'],
)
def test_a_validation_set_of_other_classes(data, classes: tuple, what: str):
    assert warnings(head(3), coco(data, *NAMES), coco(data, *classes)) == [
        'the training set has the 3 classes class0, class1, class2 and the validation '
        f'set {what}, so that the metric compares other numbers than the ones trained '
        'on: give both the same metainfo.classes, in the same order'
    ]


def test_an_evaluator_of_another_file(tmp_path, data):
    file = tmp_path / 'other.json'
    content = json.loads(Path(data['data_root'], data['ann_file']).read_text())
    content['categories'][1]['name'] = 'dog'
    file.write_text(json.dumps(content))
    metric = METRICS.build(dict(type='CocoMetric', ann_file=str(file)))
    train = coco(data, *NAMES)
    assert warnings(head(3), train, train, metric) == [
        'the annotation file of CocoMetric has no categories class1, which the '
        'validation set has: give val_evaluator the ann_file of val_dataloader'
    ]


def test_an_evaluator_of_another_number(data):
    metric = METRICS.build(dict(type='mmpretrain.SingleLabelMetric', num_classes=7))
    train = coco(data, *NAMES)
    assert warnings(head(3), train, train, metric) == [
        'the head has 3 classes, but SingleLabelMetric has num_classes=7: set the same '
        'number in val_evaluator'
    ]


def test_classes_without_a_box(data):
    def only_one(content: dict) -> None:
        for box in content['annotations']:
            box['category_id'] = 1

    edit(data, only_one)
    assert warnings(head(3), coco(data, *NAMES)) == [
        'nothing in the training set is of 2 of its 3 classes (class0, class2): '
        'compare metainfo.classes with the names in the annotation files'
    ]


def test_many_names_are_not_all_listed(data):
    edit(data, lambda content: content['categories'].extend(MORE))
    [first, _] = warnings(head(3), coco(data, *NAMES, *(x['name'] for x in MORE)))
    assert '12 (class0, class1, class2, more3, more4, ... 7 more)' in first


@pytest.mark.parametrize(
    'model, expected',
    [
        ('head', 5),
        ('roi_head.bbox_head', 5),
        ('panoptic_head', 5),
        ('bbox_head', 5),
        ('detector.bbox_head', 5),
        ('other', None),
    ],
)
def test_where_the_head_is(model: str, expected: int | None):
    part = nn.Module()
    part.num_classes = 5
    for name in reversed(model.split('.')):
        parent = nn.Module()
        parent.add_module(name, part)
        part = parent
    assert head_classes(part) == expected


def test_heads_of_a_cascade_and_of_proposals():
    model, cascade = nn.Module(), nn.Module()
    model.roi_head, cascade.num_classes = nn.Module(), 4
    model.roi_head.bbox_head = nn.ModuleList([cascade])
    assert head_classes(model) == 4
    model.bbox_head = type('RPNHead', (nn.Module,), {'num_classes': 1})()
    assert head_classes(model) == 4
