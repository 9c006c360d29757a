"""Folded batch norms leave the outputs as they were, and the rest of the model."""

import copy

import pytest
import torch
from mmengine.model.utils import revert_sync_batchnorm
from mmengine.registry import MODELS
from tiny_detectors import shake
from torch import Tensor, nn
from toys import same_tensors, tiny_retinanet

from tskd_mm.models.backbones import CIFARWideResNet
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.teacher.folded_norms import fold_norms


def norms(model: nn.Module) -> list[nn.Module]:
    return [
        m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]


def trained(model: nn.Module) -> nn.Module:
    """As after a training: no weight and no statistic is at its starting value."""
    shake(model, 0.05)
    for norm in norms(model):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.3, 2)
    return model.eval()


def close(found, expected) -> bool:
    pairs = zip(found, expected, strict=True)
    return all((a - b).abs().max() <= 1e-5 * b.abs().max() for a, b in pairs)


def folded_paths(model: nn.Module, folded: nn.Module) -> list[str]:
    return [
        path
        for path, m in model.named_modules()
        if m in norms(model) and isinstance(folded.get_submodule(path), nn.Identity)
    ]


def run(images: Tensor):
    return lambda model: [*model(images)]


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 64, 64)


@pytest.mark.usefixtures('mmdet_scope')
def test_every_batch_norm_of_a_resnet(images):
    model = trained(MODELS.build(tiny_retinanet()))
    before = copy.deepcopy(model.state_dict())
    extract = lambda model: [*model.extract_feat(images)]  # noqa: E731
    folded, count = fold_norms(model, extract)
    assert count == len(norms(model)) == 20
    assert norms(folded) == []
    with torch.no_grad():
        assert close(extract(folded), extract(model))
        assert not same(extract(folded), extract(model))
    assert same_tensors(model.state_dict(), before)
    assert not any(module._forward_hooks for module in model.modules())
    assert not any(module.training for module in folded.modules())
    # What is not folded is the same tensor.
    own = {id(p) for p in model.parameters()}
    assert all(id(p) in own for p in folded.bbox_head.parameters())
    assert not any(id(p) in own for p in [folded.backbone.conv1.weight])


def same(found, expected) -> bool:
    return all(map(torch.equal, found, expected))


def test_pre_activated_blocks():
    """A norm that reads a sum stays, and so does one whose input is read elsewhere."""
    model = trained(CIFARWideResNet(16, 1))
    images = torch.randn(2, 3, 32, 32)
    folded, count = fold_norms(model, run(images))
    paths = folded_paths(model, folded)
    assert count == len(paths) == 6
    assert all(path.endswith('bn2') for path in paths)
    with torch.no_grad():
        assert close(folded(images), model(images))


@pytest.mark.usefixtures('mmdet_scope')
def test_convolutions_shared_by_several_norms(images):
    """RTMDet's head has a norm a level behind one convolution for all."""
    config = find_model(
        'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py', 'teacher'
    ).config
    config.backbone.update(init_cfg=None, widen_factor=0.125)
    config.neck.update(in_channels=[32, 64, 128], out_channels=16)
    config.bbox_head.update(in_channels=16, feat_channels=16)
    model = trained(MODELS.build(config))

    def outputs(model: nn.Module) -> list[Tensor]:
        return [level for kind in model(images) for level in kind]

    folded, count = fold_norms(model, outputs)
    assert count == len(norms(model.backbone)) + len(norms(model.neck))
    assert len(norms(folded)) == len(norms(model.bbox_head)) > 0
    with torch.no_grad():
        assert close(outputs(folded), outputs(model))


class Block(nn.Module):
    """A convolution and a norm; ``forward`` is what the tests vary."""

    def __init__(self, conv: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = conv or nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.norm(self.conv(x))]


class ReadTwice(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        return [x + self.norm(x)]


class Returned(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        return [x, self.norm(x)]


class NormTwice(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.norm(self.norm(self.conv(x)))]


class ConvTwice(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.norm(self.conv(self.conv(x)))]


class SumBetween(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.norm(self.conv(x) + x)]


class AsksForNorms(Block):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [len(norms(self)) * self.norm(self.conv(x))]


class TwoNames(Block):
    def __init__(self) -> None:
        super().__init__()
        self.same = self.conv


class Standardized(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight, self.bias)


@pytest.mark.parametrize(
    'model',
    [
        ReadTwice(),
        Returned(),
        NormTwice(),
        ConvTwice(),
        SumBetween(),
        AsksForNorms(),
        TwoNames(),
        Block(Standardized(3, 3, 3, padding=1)),
        Block(nn.utils.weight_norm(nn.Conv2d(3, 3, 3, padding=1))),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_would_differ_is_left_alone(model, images):
    trained(model)
    assert fold_norms(model, run(images)) == (model, 0)


def test_norms_with_the_statistics_of_the_batch_are_left_alone(images):
    model = trained(Block())
    model.norm = nn.BatchNorm2d(3, track_running_stats=False).eval()
    assert fold_norms(model, run(images)) == (model, 0)
    model.norm = nn.BatchNorm2d(3)  # in training mode
    assert fold_norms(model, run(images)) == (model, 0)


@pytest.mark.parametrize('tapped', ['conv', 'norm'])
def test_tapped_modules_are_left_alone(tapped, images):
    model = trained(Block())
    untouched = [model.get_submodule(tapped)]
    assert fold_norms(model, run(images), untouched) == (model, 0)


@pytest.mark.parametrize(
    'conv',
    [
        nn.Conv2d(3, 3, 1, bias=False),
        nn.Conv2d(3, 3, 3, groups=3, dilation=2),
        nn.Conv2d(3, 3, 3, 2, 1, padding_mode='reflect'),
    ],
)
def test_kinds_of_convolutions(conv, images):
    model = trained(Block(conv))
    folded, count = fold_norms(model, run(images))
    assert count == 1
    with torch.no_grad():
        assert close(folded(images), model(images))


def test_synchronised_norms_and_those_that_were(images):
    model = nn.SyncBatchNorm.convert_sync_batchnorm(trained(Block())).eval()
    assert fold_norms(model, run(images))[1] == 1
    assert fold_norms(revert_sync_batchnorm(model).eval(), run(images))[1] == 1
