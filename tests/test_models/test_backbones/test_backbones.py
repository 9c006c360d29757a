"""The CIFAR backbones against published counts, benchmark names and closed forms."""

import math
from zlib import crc32

import numpy as np
import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from refusals import refused
from torch import Tensor, nn

from tskd_mm.models.backbones import (
    CIFARVGG,
    CIFARBottleneckResNet,
    CIFARMobileNetV2,
    CIFARResNet,
    CIFARShuffleNetV1,
    CIFARShuffleNetV2,
    CIFARWideResNet,
)
from tskd_mm.models.backbones.cifar_resnet import PadShortcut
from tskd_mm.models.backbones.cifar_shufflenet_v1 import channel_shuffle

X4 = (32, 64, 128, 256)
# Parameters with a classifier of 100 classes: exact, and millions as published.
COUNTS = [
    (CIFARResNet, dict(depth=20), 278324, 0.28),
    (CIFARResNet, dict(depth=32), 472756, 0.47),
    (CIFARResNet, dict(depth=56), 861620, 0.86),
    (CIFARResNet, dict(depth=110), 1736564, 1.74),
    (CIFARResNet, dict(depth=8, widths=X4), 1233540, 1.23),
    (CIFARResNet, dict(depth=32, widths=X4), 7433860, 7.43),
    (CIFARWideResNet, dict(depth=40, widen_factor=2), 2255156, 2.26),
    (CIFARWideResNet, dict(depth=16, widen_factor=2), 703284, 0.70),
    (CIFARWideResNet, dict(depth=40, widen_factor=1), 569780, 0.57),
    (CIFARVGG, dict(depth=13), 9462180, 9.46),
    (CIFARVGG, dict(depth=8), 3965028, 3.97),
    (CIFARMobileNetV2, dict(), 812836, 0.81),
    (CIFARShuffleNetV1, dict(), 949258, 0.95),
    (CIFARShuffleNetV2, dict(), 1355528, 1.36),
    (CIFARBottleneckResNet, dict(), 23705252, 23.71),
]
# Class, arguments, channels and sizes of feature0, feature1, ... and of the output.
RESNET_TAPS = [(16, 32), (16, 32), (32, 16), (64, 8)]
WIDE_TAPS = [(16, 32), (32, 32), (64, 16), (128, 8)]
VGG_TAPS = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 4)]
MOBILE_TAPS = [(16, 16), (12, 16), (16, 8), (48, 4), (160, 2)]
V1_TAPS = [(24, 32), (240, 16), (480, 8), (960, 4)]
V2_TAPS = [(24, 32), (116, 16), (232, 8), (464, 4)]
DEEP_TAPS = [(64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4)]
WIDE = dict(depth=16, widen_factor=2)
FAMILIES = {
    'resnet': (CIFARResNet, dict(depth=8), RESNET_TAPS, (64, 8)),
    'resnet_a': (CIFARResNet, dict(depth=14, shortcut='A'), RESNET_TAPS, (64, 8)),
    'wrn': (CIFARWideResNet, WIDE, WIDE_TAPS, (128, 8)),
    'vgg8': (CIFARVGG, dict(depth=8), VGG_TAPS, (512, 4)),
    'vgg13': (CIFARVGG, dict(depth=13), VGG_TAPS, (512, 4)),
    'mobilenet': (CIFARMobileNetV2, dict(), MOBILE_TAPS, (1280, 2)),
    'shufflenet_v1': (CIFARShuffleNetV1, dict(), V1_TAPS, (960, 4)),
    'shufflenet_v2': (CIFARShuffleNetV2, dict(), V2_TAPS, (1024, 4)),
    'resnet50': (CIFARBottleneckResNet, dict(), DEEP_TAPS, (2048, 4)),
}
SHRINKING = (16, 16, 32, 24)
WITH_N = 'with n >= 1 (10, 16, 22, ...)'
COUNTED = '(stem and three stages)'
ADDS_ONLY = "with shortcut='A', which can only add channels"
EVERY_FAMILY = pytest.mark.parametrize('name', FAMILIES)


def make(name: str, **arguments: object) -> BaseModule:
    return FAMILIES[name][0](**FAMILIES[name][1], **arguments)


def noise(*shape: int) -> Tensor:
    """Reproducible numbers in [-0.5, 0.5), exact on every platform."""
    index = torch.arange(1, torch.Size(shape).numel() + 1)
    return ((index * index % 1009).double() / 1009 - 0.5).reshape(shape)


def fill(module: nn.Module) -> nn.Module:
    """Eval mode, float64, and a fixed number for every entry of the state."""
    module.double().eval()
    for name, value in module.state_dict().items():
        if value.ndim == 4:
            value.copy_(noise(*value.shape) * (24 / value[0].numel()) ** 0.5)
        elif value.ndim == 1:
            value.copy_(noise(len(value)) + name.endswith(('weight', 'running_var')))
    return module


@pytest.fixture(params=FAMILIES)
def tapped(request) -> tuple[str, nn.Module, Tensor, dict, dict]:
    """A filled model, its output, and what its taps saw: tensors and copies."""
    model, seen, copies = fill(make(request.param)), {}, {}

    def watch(name: str) -> None:
        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            seen.setdefault(name, []).append(output)
            copies[name] = output.detach().clone()

        model.get_submodule(name).register_forward_hook(hook)

    for index in range(len(FAMILIES[request.param][2])):
        watch(f'feature{index}'), watch(f'preact{index}')
    (output,) = model(noise(2, 3, 32, 32))
    return request.param, model, output, seen, copies


@pytest.mark.parametrize('kind, arguments, exact, published', COUNTS)
def test_the_number_of_parameters_is_the_published_one(
    kind, arguments, exact, published
):
    model = kind(**arguments)
    [output] = model(torch.zeros(1, 3, 32, 32))
    classifier = nn.Linear(output.shape[1], 100)
    count = sum(p.numel() for m in (model, classifier) for p in m.parameters())
    assert count == exact
    assert round(count / 1e6, 2) == published


@EVERY_FAMILY
def test_a_registered_backbone_returns_one_activated_map(name):
    kind, arguments, _, (channels, size) = FAMILIES[name]
    model = MODELS.build(dict(type=kind.__name__, init_cfg=None, **arguments))
    assert type(model) is kind and isinstance(model, BaseModule)
    outputs = model(torch.rand(2, 3, 32, 32))
    assert isinstance(outputs, tuple) and len(outputs) == 1
    assert outputs[0].shape == (2, channels, size, size)
    assert outputs[0].min() >= 0
    with pytest.raises(TypeError, match='init_config'):
        make(name, init_config=None)


# sum over channels c = 1, 2, ... of c * mean(output_c), for the fixed weights and
# image above, computed once with the benchmarks' own definitions of the nets; and a
# hash of the names and shapes of all weights.
@pytest.mark.parametrize(
    'name, size, expected, names',
    [
        ('resnet', 32, 137.6546715, 2602063084),
        ('wrn', 32, 4588.091076, 3725749708),
        ('vgg8', 32, 45635.44079, 4277494763),
        ('vgg13', 32, 38946.90230, 3015652155),
        ('vgg13', 64, 49975.76452, 3015652155),
        ('mobilenet', 32, 27667967.98, 1034480357),
        ('shufflenet_v1', 32, 272495451.6, 3592563117),
        ('shufflenet_v2', 32, 31658477.44, 2017804667),
        ('resnet50', 32, 14614626550.0, 3331869098),
    ],
)
def test_output_and_names_are_the_benchmark_s(name, size, expected, names):
    model = fill(make(name))
    state = [(key, *value.shape) for key, value in model.state_dict().items()]
    assert crc32(repr(state).encode()) == names, state
    with torch.no_grad():
        (output,) = model(noise(1, 3, size, size))
    pooled = output.mean(dim=(2, 3))[0]
    value = (pooled * torch.arange(1, len(pooled) + 1)).sum().item()
    assert value == pytest.approx(expected, rel=1e-8)


def test_taps_are_called_once_and_relate_as_in_the_benchmark(tapped):
    name, model, output, seen, copies = tapped
    taps = FAMILIES[name][2]
    for i, (channels, size) in enumerate(taps):
        for tap in (f'feature{i}', f'preact{i}'):
            assert [tuple(x.shape) for x in seen[tap]] == [(2, channels, size, size)]
            assert torch.equal(seen[tap][0], copies[tap]), tap
    with pytest.raises(AttributeError):
        model.get_submodule(f'feature{len(taps)}')
    assert not [k for k in model.state_dict() if 'feature' in k or 'preact' in k]

    assert torch.equal(seen['feature0'][0], seen['preact0'][0])
    for i in range(1, len(taps)):
        feature, preact = seen[f'feature{i}'][0], seen[f'preact{i}'][0]
        assert preact.min() < 0
        if name == 'wrn':
            reader = model.get_submodule(f'preact{i}')
            assert torch.equal(preact, reader(feature)) and feature.min() < 0
        elif name == 'mobilenet':
            assert torch.equal(preact, feature)
        elif name == 'shufflenet_v2':
            assert torch.equal(channel_shuffle(preact.relu(), 2), feature)
        else:
            assert torch.equal(preact.relu(), feature)
    if name == 'wrn':
        assert torch.equal(output, seen['preact3'][0].relu())
    elif name not in ('mobilenet', 'shufflenet_v2'):
        assert output is seen[f'feature{len(taps) - 1}'][0]


@pytest.mark.parametrize(
    'kind, arguments, rule',
    [
        (CIFARResNet, dict(depth=21), 'be 6n + 2 with n >= 1 (8, 14, 20, ...)'),
        (CIFARResNet, dict(depth=2), 'be 6n + 2 with n >= 1 (8, 14, 20, ...)'),
        (CIFARResNet, dict(widths=(16, 32)), f'hold 4 channel counts {COUNTED}'),
        (CIFARResNet, dict(shortcut='C'), "be 'A' or 'B'"),
        (CIFARResNet, dict(shortcut='A', widths=SHRINKING), f'not shrink {ADDS_ONLY}'),
        (CIFARWideResNet, dict(widen_factor=2, depth=20), f'be 6n + 4 {WITH_N}'),
        (CIFARWideResNet, dict(depth=16, widen_factor=0), 'be at least 1'),
        (CIFARVGG, dict(depth=11), 'be one of (8, 13)'),
        (CIFARMobileNetV2, dict(width_mult=0.05), 'be at least 1/16'),
        (CIFARShuffleNetV1, dict(groups=4), 'be one of (2, 3)'),
        (CIFARShuffleNetV2, dict(width=0.7), 'be one of (0.5, 1.0, 1.5, 2.0)'),
        (CIFARBottleneckResNet, dict(depth=18), 'be one of (50, 101, 152)'),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(kind, arguments, rule):
    name, value = [*arguments.items()][-1]
    with refused(f'{name} must {rule}, but got {value!r}'):
        kind(**arguments)


def test_shortcut_a_subsamples_and_pads():
    x = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)
    zero = [[0.0, 0.0], [0.0, 0.0]]
    first, second = [[1.0, 3.0], [9.0, 11.0]], [[17.0, 19.0], [25.0, 27.0]]
    assert PadShortcut(2, 4, stride=2)(x).tolist() == [[zero, first, second, zero]]
    assert PadShortcut(2, 5, stride=1)(x)[0, :, 0, 0].tolist() == [0, 1, 17, 0, 0]
    assert torch.equal(PadShortcut(2, 2, stride=1)(x), x)


def test_shortcut_kinds_differ_only_where_the_shape_changes():
    kinds = [
        type(block.downsample).__name__
        for shortcut in 'AB'
        for layer in ('layer1', 'layer2', 'layer3')
        for block in CIFARResNet(14, shortcut=shortcut).get_submodule(layer)
    ]
    assert kinds[2:6] == ['PadShortcut', 'Identity'] * 2
    assert kinds[6:] == ['Identity'] * 2 + ['Sequential', 'Identity'] * 2
    assert not any(
        'downsample' in k for k in CIFARResNet(14, shortcut='A').state_dict()
    )


def test_wide_resnet_dropout_acts_in_training_only():
    x = torch.rand(2, 3, 32, 32)
    plain, dropped = CIFARWideResNet(10, 1), CIFARWideResNet(10, 1, dropout=0.5)
    dropped.load_state_dict(plain.state_dict())
    assert not torch.equal(plain(x)[0], dropped(x)[0])
    dropped.load_state_dict(plain.state_dict())
    assert torch.equal(plain.eval()(x)[0], dropped.eval()(x)[0])


@pytest.mark.parametrize('name', ['resnet', 'wrn', 'vgg8', 'mobilenet', 'resnet50'])
def test_convolutions_start_from_kaiming_fan_out(name):
    for conv in make(name).modules():
        if isinstance(conv, nn.Conv2d):
            std = math.sqrt(2 / (conv.kernel_size[0] ** 2 * conv.out_channels))
            # Six standard errors of a sample of this size.
            tolerance = 6 * std / math.sqrt(2 * conv.weight.numel())
            assert conv.weight.std().item() == pytest.approx(std, abs=tolerance)
            assert conv.bias is None or not conv.bias.any()


@pytest.mark.parametrize('name', ['shufflenet_v1', 'shufflenet_v2'])
def test_shufflenets_keep_pytorch_s_initial_weights(name):
    torch.manual_seed(0)
    first = make(name).conv1.weight
    torch.manual_seed(0)
    assert torch.equal(first, nn.Conv2d(3, 24, 1, bias=False).weight)


def test_only_an_init_cfg_changes_the_initial_weights(tmp_path):
    source, model = CIFARResNet(8), CIFARResNet(8)
    before = model.conv1.weight.clone()
    model.init_weights()
    assert torch.equal(model.conv1.weight, before)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    model = CIFARResNet(8, init_cfg=pretrained)
    model.init_weights()
    assert torch.equal(model.conv1.weight, source.conv1.weight)


def test_published_resnet56_reaches_its_accuracy(shared_data):
    weights = shared_data / 'cifar10_teachers' / 'resnet56-4bfd9763.th'
    images = shared_data / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
    state = torch.load(weights, map_location='cpu', weights_only=True)['state_dict']
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    classifier = nn.Linear(64, 10)
    parts = {key: state.pop(f'linear.{key}') for key in ('weight', 'bias')}
    classifier.load_state_dict(parts)
    model = CIFARResNet(56, shortcut='A').eval()
    model.load_state_dict(state)

    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with np.load(images) as arrays, torch.no_grad():
        x = torch.from_numpy(arrays['x_test']).permute(0, 3, 1, 2) / 255
        maps = [model(batch)[0] for batch in ((x - mean) / std).split(250)]
        labels = classifier(torch.cat(maps).mean(dim=(2, 3))).argmax(1).numpy()
        accuracy = (labels == arrays['y_test']).mean()
    assert accuracy == pytest.approx(0.926, abs=0.002)
