"""The CIFAR backbones against published counts, benchmark names and closed forms."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
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
from tskd_mm.models.backbones.cifar_wide_resnet import WideBlock

X4 = (32, 64, 128, 256)
BENCHMARK = {
    'resnet20': (CIFARResNet, dict(depth=20), 278324, 0.28),
    'resnet32': (CIFARResNet, dict(depth=32), 472756, 0.47),
    'resnet56': (CIFARResNet, dict(depth=56), 861620, 0.86),
    'resnet110': (CIFARResNet, dict(depth=110), 1736564, 1.74),
    'resnet8x4': (CIFARResNet, dict(depth=8, widths=X4), 1233540, 1.23),
    'resnet32x4': (CIFARResNet, dict(depth=32, widths=X4), 7433860, 7.43),
    'wrn_40_2': (CIFARWideResNet, dict(depth=40, widen_factor=2), 2255156, 2.26),
    'wrn_16_2': (CIFARWideResNet, dict(depth=16, widen_factor=2), 703284, 0.70),
    'wrn_40_1': (CIFARWideResNet, dict(depth=40, widen_factor=1), 569780, 0.57),
    'vgg13': (CIFARVGG, dict(depth=13), 9462180, 9.46),
    'vgg8': (CIFARVGG, dict(depth=8), 3965028, 3.97),
    'mobile_half': (CIFARMobileNetV2, dict(), 812836, 0.81),
    'ShuffleV1': (CIFARShuffleNetV1, dict(), 949258, 0.95),
    'ShuffleV2': (CIFARShuffleNetV2, dict(), 1355528, 1.36),
    'ResNet50': (CIFARBottleneckResNet, dict(), 23705252, 23.71),
}

# Class, arguments, channels and sizes of feature0, feature1, ... and of the output.
FAMILIES = {
    'resnet': (
        CIFARResNet,
        dict(depth=8),
        [(16, 32), (16, 32), (32, 16), (64, 8)],
        (64, 8),
    ),
    'resnet_a': (
        CIFARResNet,
        dict(depth=14, shortcut='A'),
        [(16, 32), (16, 32), (32, 16), (64, 8)],
        (64, 8),
    ),
    'wrn': (
        CIFARWideResNet,
        dict(depth=16, widen_factor=2),
        [(16, 32), (32, 32), (64, 16), (128, 8)],
        (128, 8),
    ),
    'vgg8': (
        CIFARVGG,
        dict(depth=8),
        [(64, 32), (128, 16), (256, 8), (512, 4), (512, 4)],
        (512, 4),
    ),
    'vgg13': (
        CIFARVGG,
        dict(depth=13),
        [(64, 32), (128, 16), (256, 8), (512, 4), (512, 4)],
        (512, 4),
    ),
    'mobilenet': (
        CIFARMobileNetV2,
        dict(),
        [(16, 16), (12, 16), (16, 8), (48, 4), (160, 2)],
        (1280, 2),
    ),
    'shufflenet_v1': (
        CIFARShuffleNetV1,
        dict(),
        [(24, 32), (240, 16), (480, 8), (960, 4)],
        (960, 4),
    ),
    'shufflenet_v2': (
        CIFARShuffleNetV2,
        dict(),
        [(24, 32), (116, 16), (232, 8), (464, 4)],
        (1024, 4),
    ),
    'resnet50': (
        CIFARBottleneckResNet,
        dict(),
        [(64, 32), (256, 32), (512, 16), (1024, 8), (2048, 4)],
        (2048, 4),
    ),
}


def shared_data(*parts: str) -> Path:
    """A file of the real data, or skip."""
    default = Path(__file__).resolve().parents[4] / 'shared' / 'data'
    path = Path(os.environ.get('TSKD_SHARED_DATA', default)).joinpath(*parts)
    if not path.exists():
        pytest.skip(f'{path} is absent; TSKD_SHARED_DATA names another folder')
    return path


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


def forward_with_taps(
    model: nn.Module, num_taps: int
) -> tuple[Tensor, dict[str, list[Tensor]], dict[str, list[Tensor]]]:
    """Output, {tap name: [tensor of each call]}, {tap name: [its copy at the call]}."""
    seen: dict[str, list[Tensor]] = {}
    copies: dict[str, list[Tensor]] = {}

    def record(name: str):

        def hook(module: nn.Module, inputs: tuple, output: Tensor) -> None:
            seen.setdefault(name, []).append(output)
            copies.setdefault(name, []).append(output.detach().clone())

        return hook

    for name in (
        f'{kind}{i}' for kind in ('feature', 'preact') for i in range(num_taps)
    ):
        model.get_submodule(name).register_forward_hook(record(name))
    (output,) = model(noise(2, 3, 32, 32))
    return output, seen, copies


@pytest.fixture(params=FAMILIES)
def tapped(request):
    """A filled model of one family after one forward with hooks on every tap."""
    cls, kwargs, taps, _ = FAMILIES[request.param]
    model = fill(cls(**kwargs))
    return (request.param, model, *forward_with_taps(model, len(taps)))


@pytest.mark.parametrize('name', BENCHMARK)
def test_parameter_count(name):
    cls, kwargs, exact, published = BENCHMARK[name]
    model = cls(**kwargs)
    classifier = nn.Linear(model.out_channels, 100)
    count = sum(p.numel() for m in (model, classifier) for p in m.parameters())
    assert count == exact
    assert round(count / 1e6, 2) == published


@pytest.mark.parametrize('name', FAMILIES)
def test_output(name):
    cls, kwargs, _, (channels, size) = FAMILIES[name]
    model = cls(**kwargs)
    assert isinstance(model, BaseModule)
    outputs = model(torch.rand(2, 3, 32, 32))
    assert isinstance(outputs, tuple) and len(outputs) == 1
    assert outputs[0].shape == (2, channels, size, size)
    assert outputs[0].min() >= 0
    assert model.out_channels == channels


# sum over channels c = 1, 2, ... of c * mean(output_c), for the fixed weights and
# image above, computed once with the benchmarks' own definitions of the nets.
@pytest.mark.parametrize(
    'name, size, expected',
    [
        ('resnet', 32, 137.6546715),
        ('wrn', 32, 4588.091076),
        ('vgg8', 32, 45635.44079),
        ('vgg13', 32, 38946.90230),
        ('vgg13', 64, 49975.76452),
        ('mobilenet', 32, 27667967.98),
        ('shufflenet_v1', 32, 272495451.6),
        ('shufflenet_v2', 32, 31658477.44),
        ('resnet50', 32, 14614626550.0),
    ],
)
def test_same_maths_as_benchmark(name, size, expected):
    cls, kwargs, _, _ = FAMILIES[name]
    with torch.no_grad():
        (output,) = fill(cls(**kwargs))(noise(1, 3, size, size))
    pooled = output.mean(dim=(2, 3))[0]
    value = (pooled * torch.arange(1, len(pooled) + 1)).sum().item()
    assert value == pytest.approx(expected, rel=1e-8)


def test_taps_are_called_once_with_benchmark_shapes(tapped):
    name, model, _, seen, copies = tapped
    taps = FAMILIES[name][2]
    for i, (channels, size) in enumerate(taps):
        for tap in (f'feature{i}', f'preact{i}'):
            assert len(seen[tap]) == 1, tap
            assert seen[tap][0].shape == (2, channels, size, size), tap
            assert torch.equal(seen[tap][0], copies[tap][0]), tap
    with pytest.raises(AttributeError):
        model.get_submodule(f'feature{len(taps)}')
    assert not [
        key for key in model.state_dict() if 'feature' in key or 'preact' in key
    ]


def test_taps_relate_as_in_benchmark(tapped):
    name, model, output, seen, _ = tapped
    num_taps = len(FAMILIES[name][2])
    assert torch.equal(seen['feature0'][0], seen['preact0'][0])
    for i in range(1, num_taps):
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
        assert output is seen[f'feature{num_taps - 1}'][0]


def batch_norm(prefix: str) -> list[str]:
    return [
        f'{prefix}.{leaf}'
        for leaf in (
            'weight',
            'bias',
            'running_mean',
            'running_var',
            'num_batches_tracked',
        )
    ]


def test_state_dict_names_of_resnet8():
    expected = ['conv1.weight', *batch_norm('bn1')]
    for layer in ('layer1.0', 'layer2.0', 'layer3.0'):
        expected += [
            f'{layer}.conv1.weight',
            *batch_norm(f'{layer}.bn1'),
            f'{layer}.conv2.weight',
            *batch_norm(f'{layer}.bn2'),
        ]
        if layer != 'layer1.0':
            expected += [
                f'{layer}.downsample.0.weight',
                *batch_norm(f'{layer}.downsample.1'),
            ]
    assert list(CIFARResNet(8).state_dict()) == expected
    assert list(CIFARResNet(8, shortcut='A').state_dict()) == [
        key for key in expected if 'downsample' not in key
    ]


@pytest.mark.parametrize(
    'name, present, absent',
    [
        (
            'resnet50',
            {
                'conv1.weight': (64, 3, 3, 3),
                'layer1.0.shortcut.0.weight': (256, 64, 1, 1),
                'layer1.0.shortcut.1.running_var': (256,),
                'layer4.2.conv3.weight': (2048, 512, 1, 1),
                'layer4.2.bn3.bias': (2048,),
            },
            'layer1.1.shortcut.0.weight',
        ),
        (
            'wrn',
            {
                'conv1.weight': (16, 3, 3, 3),
                'block1.layer.0.bn1.weight': (16,),
                'block1.layer.0.convShortcut.weight': (32, 16, 1, 1),
                'block3.layer.1.conv2.weight': (128, 128, 3, 3),
                'bn1.running_mean': (128,),
            },
            'block1.layer.1.convShortcut.weight',
        ),
        (
            'vgg13',
            {
                'block0.0.weight': (64, 3, 3, 3),
                'block0.0.bias': (64,),
                'block0.1.weight': (64,),
                'block0.3.weight': (64, 64, 3, 3),
                'block4.4.running_var': (512,),
            },
            'block0.6.weight',
        ),
        (
            'mobilenet',
            {
                'conv1.0.weight': (16, 3, 3, 3),
                'conv1.1.bias': (16,),
                'blocks.0.0.conv.0.weight': (16, 16, 1, 1),
                'blocks.1.1.conv.3.weight': (72, 1, 3, 3),
                'blocks.6.0.conv.7.running_mean': (160,),
                'conv2.0.weight': (1280, 160, 1, 1),
            },
            'blocks.7.0.conv.0.weight',
        ),
        (
            'shufflenet_v1',
            {
                'conv1.weight': (24, 3, 1, 1),
                'layer1.0.conv1.weight': (54, 24, 1, 1),
                'layer1.0.conv3.weight': (216, 18, 1, 1),
                'layer2.0.conv1.weight': (60, 80, 1, 1),
                'layer2.7.conv2.weight': (120, 1, 3, 3),
                'layer3.3.bn3.weight': (960,),
            },
            'layer1.4.conv1.weight',
        ),
        (
            'shufflenet_v2',
            {
                'conv1.weight': (24, 3, 1, 1),
                'layer1.0.conv1.weight': (24, 1, 3, 3),
                'layer1.0.conv5.weight': (58, 58, 1, 1),
                'layer2.7.bn3.bias': (116,),
                'conv2.weight': (1024, 464, 1, 1),
                'bn2.running_var': (1024,),
            },
            'layer1.1.conv4.weight',
        ),
    ],
)
def test_state_dict_names(name, present, absent):
    cls, kwargs, _, _ = FAMILIES[name]
    state = cls(**kwargs).state_dict()
    assert {key: tuple(state[key].shape) for key in present} == present
    assert absent not in state
    assert not [key for key in state if key.startswith(('fc', 'linear', 'classifier'))]


@pytest.mark.parametrize(
    'cls, kwargs, message',
    [
        (
            CIFARResNet,
            dict(depth=21),
            'depth must be 6n + 2 with n >= 1 (8, 14, 20, ...), but got 21',
        ),
        (
            CIFARResNet,
            dict(depth=2),
            'depth must be 6n + 2 with n >= 1 (8, 14, 20, ...), but got 2',
        ),
        (
            CIFARResNet,
            dict(widths=(16, 32, 64)),
            'widths must hold 4 channel counts (stem and three stages), '
            'but got (16, 32, 64)',
        ),
        (CIFARResNet, dict(shortcut='C'), "shortcut must be 'A' or 'B', but got 'C'"),
        (
            CIFARResNet,
            dict(shortcut='A', widths=(16, 16, 32, 24)),
            "widths must not shrink with shortcut='A', which can only add channels, "
            'but got (16, 16, 32, 24)',
        ),
        (
            CIFARWideResNet,
            dict(depth=20, widen_factor=2),
            'depth must be 6n + 4 with n >= 1 (10, 16, 22, ...), but got 20',
        ),
        (
            CIFARWideResNet,
            dict(depth=16, widen_factor=0),
            'widen_factor must be at least 1, but got 0',
        ),
        (CIFARVGG, dict(depth=11), 'depth must be one of (8, 13), but got 11'),
        (
            CIFARMobileNetV2,
            dict(width_mult=0.05),
            'width_mult must be at least 1/16, but got 0.05',
        ),
        (CIFARShuffleNetV1, dict(groups=4), 'groups must be one of (2, 3), but got 4'),
        (
            CIFARShuffleNetV2,
            dict(width=0.7),
            'width must be one of (0.5, 1.0, 1.5, 2.0), but got 0.7',
        ),
        (
            CIFARBottleneckResNet,
            dict(depth=18),
            'depth must be one of (50, 101, 152), but got 18',
        ),
    ],
)
def test_wrong_value_is_named(cls, kwargs, message):
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        cls(**kwargs)


@pytest.mark.parametrize('name', FAMILIES)
def test_misspelled_key_is_an_error(name):
    cls, kwargs, _, _ = FAMILIES[name]
    with pytest.raises(TypeError, match='init_config'):
        cls(**kwargs, init_config=None)


@pytest.mark.parametrize('name', FAMILIES)
def test_bare_name_is_registered_at_the_root(name):
    cls, kwargs, _, _ = FAMILIES[name]
    model = MODELS.build(dict(type=cls.__name__, init_cfg=None, **kwargs))
    assert type(model) is cls


def test_shortcut_a_subsamples_and_pads():
    x = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)
    out = PadShortcut(2, 4, stride=2)(x)
    zero = [[0.0, 0.0], [0.0, 0.0]]
    assert out.tolist() == [
        [zero, [[1.0, 3.0], [9.0, 11.0]], [[17.0, 19.0], [25.0, 27.0]], zero]
    ]
    assert PadShortcut(2, 5, stride=1)(x)[0, :, 0, 0].tolist() == [
        0.0,
        1.0,
        17.0,
        0.0,
        0.0,
    ]
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


def test_channel_shuffle_interleaves_the_groups():
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert channel_shuffle(x, 2).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert channel_shuffle(x, 3).flatten().tolist() == [0, 2, 4, 1, 3, 5]


def test_wide_block_projects_its_activated_input():
    x = noise(2, 4, 6, 6)
    changing, keeping = fill(WideBlock(4, 8, 2, 0.0)), fill(WideBlock(4, 4, 1, 0.0))
    for block in (changing, keeping):
        nn.init.zeros_(block.conv2.weight)
    assert torch.equal(changing(x), changing.convShortcut(changing.bn1(x).relu()))
    assert torch.equal(keeping(x), x)


def test_wide_resnet_dropout_acts_in_training_only():
    x = torch.rand(2, 3, 32, 32)
    plain, dropped = CIFARWideResNet(10, 1), CIFARWideResNet(10, 1, dropout=0.5)
    dropped.load_state_dict(plain.state_dict())
    assert not torch.equal(plain(x)[0], dropped(x)[0])
    dropped.load_state_dict(plain.state_dict())
    assert torch.equal(plain.eval()(x)[0], dropped.eval()(x)[0])


@pytest.mark.parametrize('name', ['resnet', 'wrn', 'vgg8', 'mobilenet', 'resnet50'])
def test_convolutions_start_from_kaiming_fan_out(name):
    cls, kwargs, _, _ = FAMILIES[name]
    for conv in cls(**kwargs).modules():
        if isinstance(conv, nn.Conv2d):
            std = math.sqrt(2 / (conv.kernel_size[0] ** 2 * conv.out_channels))
            # Six standard errors of a sample of this size.
            tolerance = 6 * std / math.sqrt(2 * conv.weight.numel())
            assert conv.weight.std().item() == pytest.approx(std, abs=tolerance)
            assert conv.bias is None or not conv.bias.any()


@pytest.mark.parametrize('name', ['shufflenet_v1', 'shufflenet_v2'])
def test_shufflenets_keep_default_weights(name):
    cls, kwargs, _, _ = FAMILIES[name]
    torch.manual_seed(0)
    first = cls(**kwargs).conv1.weight
    torch.manual_seed(0)
    assert torch.equal(first, nn.Conv2d(3, 24, 1, bias=False).weight)


def test_init_weights_without_config_changes_nothing():
    model = CIFARResNet(8)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_init_cfg_loads_weights(tmp_path):
    source = CIFARResNet(8)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    model = CIFARResNet(
        8, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    )
    model.init_weights()
    assert torch.equal(model.conv1.weight, source.conv1.weight)


def test_published_resnet56_reaches_its_accuracy():
    weights = shared_data('cifar10_teachers', 'resnet56-4bfd9763.th')
    images = np.load(shared_data('cifar10_lossless_5k', 'cifar10_4k_train_1k_test.npz'))
    state = torch.load(weights, map_location='cpu', weights_only=True)['state_dict']
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    classifier = nn.Linear(64, 10)
    classifier.load_state_dict(
        {key: state.pop(f'linear.{key}') for key in ('weight', 'bias')}
    )
    model = CIFARResNet(56, shortcut='A').eval()
    model.load_state_dict(state)

    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[
        ..., None, None
    ]
    x = torch.from_numpy(images['x_test']).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        logits = torch.cat(
            [
                classifier(model(batch)[0].mean(dim=(2, 3)))
                for batch in ((x - mean) / std).split(250)
            ]
        )
    accuracy = (logits.argmax(1).numpy() == images['y_test']).mean()
    assert accuracy == pytest.approx(0.926, abs=0.002)
