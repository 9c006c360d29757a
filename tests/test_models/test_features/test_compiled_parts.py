"""Parts of a model are graphs while a pass lasts, and hooks stay outside of them."""

import copy

import graph_log
import pytest
import torch
from refusals import refused
from toys import ToyNet

from tskd_mm.models.features.compiled_parts import CompiledParts, compile_options
from tskd_mm.models.features.feature_tap import FeatureTap

OPTIONS = dict(backend='logged')


@pytest.fixture
def net() -> ToyNet:
    torch._dynamo.reset()
    graph_log.graphs.clear()
    net = ToyNet()
    for part in (net.backbone, net.head):  # what counts their calls is a hook
        part._forward_hooks.clear()
    return net


def look(net: ToyNet, parts: CompiledParts, *paths: str) -> list[torch.Tensor]:
    images = torch.ones(1, 3, 32, 32)
    with FeatureTap(net, paths).record() as features, parts.active(net):
        net(images)
    return features.levels


@pytest.mark.parametrize(
    'tap, expected',
    [
        ('neck', ['backbone', 'neck', 'head']),
        ('backbone', ['backbone', 'neck', 'head']),
        # What is tapped inside of a part takes it apart.
        ('backbone.2', ['backbone.0', 'backbone.1', 'neck', 'head']),
        ('backbone.1', ['backbone.0', 'backbone.1', 'neck', 'head']),
    ],
)
def test_a_part_has_no_tap_inside(net, tap, expected):
    net.eval()
    parts = CompiledParts(OPTIONS)
    first = look(net, parts, tap)
    assert graph_log.graphs == []
    for _ in range(3):
        assert all(map(torch.equal, look(net, parts, tap), first))
    assert parts.parts == [(path, 'forward') for path in expected]
    assert len(graph_log.graphs) == len(expected)


def test_nothing_is_compiled_without_options(net):
    parts = CompiledParts()
    look(net, parts, 'neck')
    look(net, parts, 'neck')
    assert parts.parts is None
    assert graph_log.graphs == []


def test_outside_of_a_pass_the_model_is_as_it_was(net):
    parts = CompiledParts(OPTIONS)
    own = net.neck.forward = net.neck.forward  # set by someone else
    for _ in range(2):
        look(net, parts, 'neck')
    assert net.neck.__dict__['forward'] is own
    assert 'forward' not in vars(net.backbone) | vars(net.head)
    with pytest.raises(KeyError), parts.active(net):
        raise KeyError
    assert 'forward' not in vars(net.backbone)


def test_a_copy_and_a_replaced_module_are_not_taken_for_the_first(net):
    parts = CompiledParts(OPTIONS)
    net.eval()
    before = [look(net, parts, 'neck') for _ in range(2)][1]
    other = copy.deepcopy(net)
    torch.nn.init.zeros_(other.neck.down.weight)
    assert other.neck.down.bias.equal(look(other, parts, 'neck')[1][0, :, 0, 0])
    assert all(map(torch.equal, look(net, parts, 'neck'), before))
    net.neck = other.neck
    assert net.neck.down.bias.equal(look(net, parts, 'neck')[1][0, :, 0, 0])
    assert copy.deepcopy(parts)._compiled == {}


def test_a_pass_that_a_tap_ends_shows_its_parts(net):
    net.eval()
    parts, tap = CompiledParts(OPTIONS), FeatureTap(net, ['backbone'])

    def forward() -> None:
        with parts.active(net):
            net(torch.ones(1, 3, 32, 32))

    first, second = (tap.run(forward).levels[0] for _ in range(2))
    assert first.equal(second)
    assert parts.parts == [('backbone', 'forward')]
    assert len(graph_log.graphs) == 1


def test_methods_that_are_named(net):
    parts = CompiledParts(OPTIONS, [('neck.down', 'forward'), ('head', 'forward')])
    look(net, parts, 'neck')
    assert len(graph_log.graphs) == 2


def test_a_compiler_that_computes_wrong_numbers_is_refused():
    def wrong(graph, inputs):
        return lambda *args: [2 * value for value in graph(*args)]

    torch._dynamo.reset()
    CompiledParts(OPTIONS).check(torch.device('cpu'))
    text = (
        'the config has compile, but torch.compile computes wrong numbers here '
        f'(PyTorch {torch.__version__}, cpu), among them gradients of residual blocks: '
        'remove compile from the config, or use another PyTorch'
    )
    torch._dynamo.reset()
    with refused(text, RuntimeError):
        CompiledParts(dict(backend=wrong)).check(torch.device('cpu'))


@pytest.mark.slow
def test_the_default_compiler_of_pytorch_2_1_is_refused_on_a_cpu():
    torch._dynamo.reset()
    parts, cpu = CompiledParts({}), torch.device('cpu')
    if torch.__version__.startswith('2.1.'):
        with refused(
            'the config has compile, but torch.compile computes w…', RuntimeError
        ):
            parts.check(cpu)
    else:
        parts.check(cpu)


def test_options_of_a_config():
    assert compile_options(None) is compile_options(False) is None
    assert compile_options(True) == compile_options({}) == {}
    assert compile_options(True, dynamic=True) == dict(dynamic=True)
    given = dict(dynamic=False, backend='eager')
    assert compile_options(given, dynamic=True) == given
    text = (
        'compile must be True, False or a dict of options of torch.compile, but got '
        "'inductor'"
    )
    with refused(text, TypeError):
        compile_options('inductor')
