"""Which modules see nothing but the images."""

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

from tskd_mm.models.forward_trace import ForwardTrace, map_tensors, tensors_in


class _Chain(nn.Module):
    """Three modules in a row; ``between`` is done to what the first returns."""

    def __init__(self, between=lambda x: x) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.second = nn.ReLU(inplace=True)
        self.third = nn.Conv2d(4, 2, 1)
        self.between = between

    def forward(self, images: Tensor) -> Tensor:
        return self.third(self.second(self.between(self.first(images))))


ALL = ['first', 'second', 'third']


def _trace(net: nn.Module, candidates=ALL, needed=(), images=None) -> ForwardTrace:
    images = torch.rand(1, 3, 2, 2) if images is None else images
    trace = ForwardTrace(images, candidates, needed)
    with trace.watch(net, ALL), torch.no_grad():
        net(images)
    return trace


def test_outputs_and_users():
    trace = _trace(_Chain())
    assert list(trace.outputs) == ALL
    assert all(out.device.type == 'meta' for out in trace.outputs.values())
    assert trace.outputs['third'].shape == (1, 2, 2, 2)
    assert trace.users == {'first': {'second'}, 'second': {'third'}}


def test_a_needed_output_is_the_very_object():
    net, images = _Chain(), torch.rand(1, 3, 2, 2)
    seen = []
    net.third.register_forward_hook(lambda m, args, output: seen.append(output))
    trace = _trace(net, needed=['third'], images=images)
    assert trace.outputs['third'] is seen[0]
    assert trace.unchanged()


@pytest.mark.parametrize(
    'between',
    [lambda x: x * 2, lambda x: x.mul_(2), lambda x: x.clone()],
    ids=['another tensor', 'written into', 'copied'],
)
def test_code_between_modules_ends_the_chain(between):
    trace = _trace(_Chain(between))
    assert list(trace.outputs) == ['first']
    assert 'first' not in trace.users


def test_what_is_no_candidate_ends_the_chain():
    trace = _trace(_Chain(), candidates=['first', 'third'])
    assert list(trace.outputs) == ['first']
    assert trace.users == {'first': {'second'}}


def test_random_numbers_end_the_chain():
    net = _Chain()
    net.second = nn.Dropout(0.5)
    assert list(_trace(net.train()).outputs) == ['first']
    assert list(_trace(net.eval()).outputs) == ALL


def test_a_module_that_is_called_twice_is_not_pure():
    net = _Chain(lambda x: net.first(torch.zeros(1, 3, 2, 2)) + x)
    assert list(_trace(net).outputs) == []


def test_other_images():
    trace = ForwardTrace(torch.rand(1, 3, 2, 2), ALL)
    net = _Chain()
    with trace.watch(net, ALL):
        net(torch.rand(1, 3, 2, 2))
    assert trace.outputs == {}


def test_something_is_written_into_a_needed_output():
    assert not _trace(_Chain(), needed=['first']).unchanged()  # the ReLU does
    assert _trace(_Chain(), needed=['second']).unchanged()


def test_outputs_that_hold_more_than_tensors_are_not_followed():
    net = _Chain()
    net.third.register_forward_hook(lambda m, args, output: (output, 'more'))
    assert list(_trace(net).outputs) == ['first', 'second']


def test_what_is_not_needed_is_let_go():
    net, seen = _Chain(lambda x: x), []
    net.first.register_forward_hook(lambda m, a, out: seen.append(weakref.ref(out)))
    trace = _trace(net, needed=['third'])
    gc.collect()
    assert seen[0]() is None
    assert trace.outputs['third'].device.type == 'cpu'


def test_hooks_are_removed():
    net = _Chain()
    _trace(net)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_nested_tensors():
    a, b = torch.zeros(1), torch.ones(2)
    nested = {'x': [a, (b, None)]}
    assert [t is s for t, s in zip(tensors_in(nested), (a, b))] == [True, True]
    found = map_tensors(lambda t: t + 1, nested)
    assert found == {'x': [torch.ones(1), (found['x'][1][0], None)]}
    assert torch.equal(found['x'][1][0], torch.full((2,), 2.0))
