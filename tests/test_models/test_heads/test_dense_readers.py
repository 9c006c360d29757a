"""What is read of each family of dense heads is what the host itself predicts."""

import re

import pytest
import torch
from dense_detectors import FAMILIES, WIDTH, dense_detector
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from refusals import refused
from torch import Tensor, nn

from tskd_mm.models.heads import DenseOutputs, DenseReader, reads
from tskd_mm.models.heads.dense_reader import READERS, find_reader

pytestmark = pytest.mark.usefixtures('mmdet_scope')
EVERYTHING = ConfigDict(score_thr=-1.0, nms_pre=100000, min_bbox_size=-1)
UNBOUNDED = dict(img_shape=(10**6, 10**6), scale_factor=(1.0, 1.0))


def detector(family: str, classes: int = 1) -> nn.Module:
    """In eval mode, with weights that tell pixels and priors apart."""
    model = MODELS.build(dense_detector(family, classes))
    for name, parameter in model.bbox_head.named_parameters():
        if parameter.dim() > 1:
            last = re.search(r'_(cls|reg|obj|centerness)(\.\d)?\.weight', name)
            nn.init.normal_(parameter, std=0.02 if last else 0.1)
    return model.eval().double()  # else scores that are nearly equal change places


def features(model: nn.Module) -> list[Tensor]:
    """Of two images of 96 x 160 pixels, as from a neck."""
    strides = find_reader(model, 'student').strides
    sizes = [(-(-96 // stride), -(-160 // stride)) for stride in strides]
    return [torch.randn(2, WIDTH, *size).double() for size in sizes]


def in_host_order(family: str, level: DenseOutputs, image: int) -> tuple:
    """Boxes (A * H * W, 4), scores and qualities of one image."""
    parts = [level.boxes, level.logits, level.quality]
    flat = [p[image].permute(2, 3, 0, 1).flatten(0, 2) for p in parts if p is not None]
    boxes, scores, *quality = flat
    if family == 'YOLOX':  # the score is the product already, and nothing is sorted
        return boxes, scores[:, 0].sigmoid()
    order = scores[:, 0].sigmoid().argsort(descending=True, stable=True)
    factor = quality[0][order, 0].sigmoid() if quality else 1
    return boxes[order], scores[order, 0].sigmoid() * factor


@pytest.mark.parametrize('family', [f for f in FAMILIES if f != 'PAA'])
@torch.no_grad()
def test_boxes_and_scores_are_those_of_the_host(family: str):
    model = detector(family)
    head, reader = model.bbox_head, find_reader(model, 'student')
    outputs = head(features(model))
    levels = reader.read(outputs)
    results = head.predict_by_feat(
        *outputs, batch_img_metas=[UNBOUNDED] * 2, cfg=EVERYTHING, with_nms=False
    )
    for image, predicted in enumerate(results):
        found = [in_host_order(family, level, image) for level in levels]
        boxes, scores = (torch.cat(parts) for parts in zip(*found))
        assert len(boxes) == len(predicted) and boxes.std(0).min() > 5
        expected = predicted.bboxes  # some hosts clip at the image, whose end is far
        torch.testing.assert_close(
            boxes.clamp(min=0), expected.clamp(min=0), rtol=1e-4, atol=1e-3
        )
        torch.testing.assert_close(scores, predicted.scores, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('family', FAMILIES)
def test_training_reads_as_testing_does(family: str):
    """FCOS scales its distances in eval mode alone; VFNet returns more in training."""
    model = detector(family)
    head, reader = model.bbox_head, find_reader(model, 'student')
    neck = features(model)
    with torch.no_grad():
        tested = reader.read(head(neck))
        head.train()
        for module in head.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        trained = reader.read(head(neck))
    for a, b in zip(tested, trained, strict=True):
        assert vars(a).keys() == vars(b).keys()
        for name, tensor in vars(a).items():
            torch.testing.assert_close(tensor, vars(b)[name])


def test_scores_of_yolox_are_one_problem():
    """The class scores alone say nothing where there is no object."""
    model = detector('YOLOX', classes=3)
    with torch.no_grad():
        scores, _, objectness = outputs = model.bbox_head(features(model))
    [level, *_] = find_reader(model, 'student').read(outputs)
    expected = scores[0].sigmoid() * objectness[0].sigmoid()
    torch.testing.assert_close(level.logits[:, 0].sigmoid(), expected)
    far = [[torch.full_like(x, -60) for x in part] for part in (scores, objectness)]
    [level, *_] = find_reader(model, 'student').read([far[0], outputs[1], far[1]])
    # Logit of a product of two scores of e^-60: no underflow.
    assert level.logits.isfinite().all()
    assert float(level.logits.mean()) == pytest.approx(-120, abs=1e-6)


def with_head(head: nn.Module) -> nn.Module:
    model = nn.Module()
    model.bbox_head = head
    return model


def test_a_subclass_reads_as_its_nearest_ancestor():
    kind = type(MODELS.build(dense_detector('GFL')).bbox_head)
    child = type('Child', (kind,), {'loss': None})
    head = child.__new__(child)
    nn.Module.__init__(head)
    assert type(find_reader(with_head(head), 'student')).__name__ == 'GFLReader'


KNOWN = (
    'mmdet.ATSSHead, mmdet.FCOSHead, mmdet.GFLHead, mmdet.RTMDetHead, '
    'mmdet.RTMDetSepBNHead, mmdet.RetinaHead, mmdet.TOODHead, mmdet.VFNetHead, '
    'mmdet.YOLOXHead'
)


@pytest.mark.parametrize('override', ['forward', 'forward_single'])
def test_a_subclass_with_a_forward_of_its_own_needs_its_own_reader(override: str):
    kind = type(MODELS.build(dense_detector('GFL')).bbox_head)
    child = type('OwnHead', (kind,), {override: None})
    head = child.__new__(child)
    nn.Module.__init__(head)
    text = (
        f'losses on dense heads read {KNOWN} and subclasses that do not override '
        'forward, forward_single, but found OwnHead in the student, which overrides '
        f'{override}: write a DenseReader for it and register it with @reads'
    )
    with refused(text):
        find_reader(with_head(head), 'student')


def test_a_reader_of_ones_own(monkeypatch):
    monkeypatch.setattr('tskd_mm.models.heads.dense_reader.READERS', dict(READERS))

    class MyHead(nn.Module):
        pass

    @reads(f'{MyHead.__module__}.MyHead')
    class MyReader(DenseReader):
        layout = 'mine'

        def level(self, outputs, priors, stride) -> DenseOutputs:
            raise NotImplementedError

    assert isinstance(find_reader(with_head(MyHead()), 'teacher'), MyReader)


def test_a_detector_without_a_dense_head():
    text = (
        'head losses on dense heads read bbox_head, but the teacher Module has none: '
        'use a single-stage detector'
    )
    with refused(text):
        find_reader(nn.Module(), 'teacher')


def test_softmax_scores():
    config = dense_detector('RetinaNet')
    config.bbox_head.loss_cls = dict(type='CrossEntropyLoss', use_sigmoid=False)
    text = (
        'RetinaHead of the student has softmax scores, but head losses compare sigmoid '
        'scores: set use_sigmoid=True in its loss_cls'
    )
    with refused(text):
        find_reader(MODELS.build(config), 'student')
