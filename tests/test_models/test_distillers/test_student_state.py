"""To the outside the distiller is its student: names, values, copies."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from mmengine.registry import MODELS
from mmengine.runner.checkpoint import load_state_dict
from torch import Tensor, nn
from toys import detection_batch, same_tensors, tiny_distiller, tiny_retinanet

pytestmark = pytest.mark.usefixtures('mmdet_scope')
Loader = Callable[[nn.Module, dict[str, Tensor]], None]


def _torch_loader(model: nn.Module, state: dict[str, Tensor]) -> None:
    model.load_state_dict(state)


def _mmengine_loader(model: nn.Module, state: dict[str, Tensor]) -> None:
    load_state_dict(model, state, strict=True)


LOADERS = pytest.mark.parametrize('load', [_torch_loader, _mmengine_loader])


def _student(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return MODELS.build(tiny_retinanet())


def _noise_like(model: nn.Module) -> dict[str, Tensor]:
    state = deepcopy(model.state_dict())
    for tensor in state.values():
        tensor.copy_(torch.rand(tensor.shape) * 9)
    return state


def _with_adapters() -> dict:
    """A teacher of other channels, and losses with parameters of their own."""
    teacher = tiny_retinanet(12)
    teacher.neck.out_channels = teacher.bbox_head.in_channels = 24
    losses = {n: dict(type=f'{n}Loss') for n in ('FitNet', 'MGD', 'FGD', 'ReviewKD')}
    return dict(teacher=teacher, feature_losses={n.lower(): losses[n] for n in losses})


@pytest.mark.parametrize('config', [dict, _with_adapters])
@pytest.mark.parametrize('initialise', [False, True])
def test_the_student_starts_as_it_would_alone(initialise: bool, config: Callable):
    alone = _student(seed=3)
    if initialise:
        alone.init_weights()
    random_state = torch.get_rng_state()
    torch.manual_seed(3)
    distiller = tiny_distiller(**config())
    if initialise:
        distiller.init_weights()
    assert list(distiller.state_dict()) == list(alone.state_dict())
    assert same_tensors(distiller.state_dict(), alone.state_dict())
    assert torch.equal(torch.get_rng_state(), random_state)
    modes = {name: m.training for name, m in alone.named_modules()}
    assert {n: m.training for n, m in distiller.student.named_modules()} == modes


@LOADERS
def test_weights_of_a_plain_student_load_strictly(load: Loader):
    distiller = tiny_distiller()
    review = deepcopy(distiller.review.state_dict())
    state = _noise_like(_student())
    names = list(state)
    load(distiller, state)
    assert list(state) == names
    assert same_tensors(distiller.student.state_dict(), state)
    assert same_tensors(distiller.review.state_dict(), review)


@LOADERS
def test_a_plain_student_loads_the_distiller_s_weights_strictly(load: Loader):
    distiller, student = tiny_distiller(), _student(seed=1)
    assert not same_tensors(student.state_dict(), distiller.state_dict())
    load(student, distiller.state_dict())
    assert same_tensors(student.state_dict(), distiller.state_dict())


@LOADERS
@pytest.mark.parametrize(
    'change, named',
    [
        (lambda s: s.pop('neck.fpn_convs.0.conv.bias'), 'neck.fpn_convs.0.conv.bias'),
        (lambda s: s.update({'neck.stray': torch.ones(1)}), 'neck.stray'),
        (lambda s: s.update({'stray': torch.ones(1)}), 'stray'),
        (lambda s: s.update({'backbone.conv1.weight': torch.ones(1)}), 'size mismatch'),
    ],
    ids=['missing', 'unexpected', 'unexpected at the top', 'shape'],
)
def test_strict_loading_still_finds_differences(
    load: Loader, change: Callable, named: str
):
    state = _student().state_dict()
    change(state)
    with pytest.raises(RuntimeError, match=named):
        load(tiny_distiller(), state)


@LOADERS
def test_names_and_weights_of_a_nested_distiller(load: Loader):
    distiller = tiny_distiller()
    outer = nn.ModuleDict({'beside': nn.Linear(1, 1), 'model': distiller})
    assert list(outer.state_dict()) == [
        'beside.weight',
        'beside.bias',
        *(f'model.{name}' for name in _student().state_dict()),
    ]
    state = _noise_like(outer)
    load(outer, state)
    assert same_tensors(outer.state_dict(), state)
    assert torch.equal(
        distiller.student.neck.fpn_convs[0].conv.bias,
        state['model.neck.fpn_convs.0.conv.bias'],
    )


@LOADERS
def test_a_deep_copy_shares_teacher_and_memories(load: Loader):
    distiller = tiny_distiller()
    distiller.init_weights()
    distiller.memorize(0)
    before = deepcopy(distiller.state_dict())
    copy = deepcopy(distiller)
    assert same_tensors(copy.state_dict(), before)
    assert copy.teacher is distiller.teacher
    assert copy.bank is distiller.bank
    assert copy.tap.model is copy.student is not distiller.student
    assert copy.data_preprocessor is copy.student.data_preprocessor
    state = _noise_like(copy)
    load(copy, state)
    assert same_tensors(copy.state_dict(), state)
    assert same_tensors(distiller.state_dict(), before)


def test_the_teacher_is_nobody_s_child():
    distiller = tiny_distiller()
    distiller.init_weights()
    teacher = distiller.teacher.model
    assert not set(teacher.modules()) & set(distiller.modules())
    tensors = {id(p) for p in [*distiller.parameters(), *distiller.buffers()]}
    assert not tensors & {id(p) for p in teacher.parameters()}
    prefixes = {name.split('.')[0] for name, _ in distiller.named_parameters()}
    assert prefixes == {'backbone', 'neck', 'bbox_head', 'review'}
    assert not any(n.startswith(('teacher', 'review')) for n in distiller.state_dict())


def test_the_rest_of_the_state_round_trips():
    distiller, other = tiny_distiller(), tiny_distiller()
    for slot in (0, 1, 2, 0):
        distiller.student.neck.fpn_convs[0].conv.bias.data.add_(1)
        distiller.memorize(slot)
    other.memorize(7)
    assert not same_tensors(other.review.state_dict(), distiller.review.state_dict())
    other.load_tskd_state(deepcopy(distiller.tskd_state()))
    assert same_tensors(other.review.state_dict(), distiller.review.state_dict())
    ours, theirs = other.bank.slots, distiller.bank.slots
    assert list(ours) == list(theirs) == [1, 2, 0]
    assert all(same_tensors(ours[slot], theirs[slot]) for slot in theirs)
    assert not same_tensors(other.state_dict(), distiller.state_dict())


def test_conversions_reach_teacher_and_memories():
    distiller = tiny_distiller()
    distiller.init_weights()
    distiller.memorize(0)
    assert distiller.double() is distiller
    snapshot = distiller.bank.slots[0]
    for tensors in (distiller.teacher.model.state_dict(), snapshot):
        floats = {t.dtype for t in tensors.values() if t.is_floating_point()}
        assert floats == {torch.float64}
    distiller.to(torch.float32)
    assert snapshot['backbone.layer2.0.conv1.weight'].dtype == torch.float32
    distiller.phase = 'review'
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    assert losses['loss_review'].dtype == torch.float32


def test_synchronised_norms_reach_the_student():
    """mmdet's SyncNormHook names them as the modules of the whole are named."""
    from mmdet.engine.hooks.sync_norm_hook import get_norm_states

    distiller = tiny_distiller()
    states = get_norm_states(distiller)
    assert all(name.startswith('student.') for name in states)
    averaged = {name: torch.full_like(value, 7) for name, value in states.items()}
    before = deepcopy(distiller.state_dict())
    distiller.load_state_dict(averaged, strict=False)
    own = {name.removeprefix('student.') for name in states}
    for name, value in distiller.state_dict().items():
        expected = torch.full_like(value, 7) if name in own else before[name]
        assert torch.equal(value, expected)


def test_a_student_with_a_student_inside_keeps_its_names():
    """As in mmdet's semi-supervised detectors."""
    distiller = tiny_distiller()
    distiller.student.student = torch.nn.Linear(2, 2)
    state = deepcopy(distiller.state_dict())
    state['student.bias'].fill_(7)
    distiller.load_state_dict(state)
    assert distiller.student.student.bias.tolist() == [7, 7]
