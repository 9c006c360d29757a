"""Snapshots answer as the student did, and disturb nothing."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from refusals import refused
from torch import Tensor, nn
from toys import ToyNet, same_tensors

from tskd_mm.models.features.dry_run import dry_run
from tskd_mm.models.features.feature_tap import FeatureTap
from tskd_mm.models.review.snapshot_bank import SnapshotBank

MODES = pytest.mark.parametrize('training', [True, False], ids=['train', 'eval'])


def _bank(net: nn.Module) -> SnapshotBank:
    tap = FeatureTap(net, ['neck'])
    return SnapshotBank(net, tap, dry_run(tap, parameters=True).parameter_names)


def _move(net: nn.Module) -> None:
    """Stands for an epoch of training."""
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.add_((torch.rand(tensor.shape) + 0.5).to(tensor.dtype))


def _levels(net: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(net.neck(net.backbone(images)))


def _remember(net: nn.Module, bank: SnapshotBank, slots: list[int]) -> list[nn.Module]:
    """Fill slots in turn, the student moving on; gives copies, oldest first."""
    copies = []
    for slot in slots:
        copies.append(deepcopy(net))
        bank.memorize(slot)
        _move(net)
    return copies


@MODES
def test_levels_are_those_of_the_student_at_that_time(training: bool):
    net, images = ToyNet().train(training), torch.randn(3, 3, 17, 12)
    bank = _bank(net)
    copies = _remember(net, bank, [0, 1, 2])
    found = bank.levels(images)
    expected = [_levels(copy, images) for copy in copies]
    assert [len(levels) for levels in found] == [2, 2, 2]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not torch.equal(found[0][0], found[1][0])
    assert not torch.equal(found[2][0], _levels(net, images)[0])


def test_the_mode_is_the_student_s_of_now():
    net, images = ToyNet().train(), torch.randn(3, 3, 8, 8)
    bank = _bank(net)
    (copy,) = _remember(net, bank, [0])
    net.eval()
    expected = _levels(copy.eval(), images)
    torch.testing.assert_close(bank.levels(images)[0], expected, rtol=0, atol=0)


@pytest.mark.parametrize('frozen', [False, True])
@MODES
def test_running_statistics_stay_as_they_are(training: bool, frozen: bool):
    net = ToyNet().train(training)
    net.backbone.requires_grad_(not frozen)
    bank = _bank(net)
    _remember(net, bank, [0, 1])
    student, kept = deepcopy(net.state_dict()), deepcopy(bank.state_dict())
    first = bank.levels(torch.randn(3, 3, 8, 8) + 5)
    assert same_tensors(net.state_dict(), student)
    assert all(same_tensors(bank.slots[slot], kept[slot]) for slot in (0, 1))
    assert 'backbone.1.running_mean' in kept[0]
    assert [m.training for m in net.modules()] == [training] * len([*net.modules()])
    assert frozen or not any(map(torch.equal, *first))


def test_there_is_no_gradient():
    net, images = ToyNet(), torch.randn(2, 3, 8, 8, requires_grad=True)
    bank = _bank(net)
    bank.memorize(0)
    assert torch.is_grad_enabled()
    assert not any(level.requires_grad for level in bank.levels(images)[0])
    assert not any(t.requires_grad for t in bank.slots[0].values())
    assert all(p.requires_grad and p.grad is None for p in net.parameters())


def test_only_trainable_weights_behind_the_features_are_kept():
    net, images = ToyNet(), torch.randn(2, 3, 8, 8)
    net.neck.register_buffer('constant', torch.ones(1), persistent=False)
    net.backbone[0].requires_grad_(False)
    bank = _bank(net)
    bank.memorize(0)
    names = ['backbone.1.weight', 'backbone.1.bias', 'neck.down.weight']
    buffers = ['running_mean', 'running_var', 'num_batches_tracked']
    assert list(bank.slots[0]) == [
        *names,
        'neck.down.bias',
        *(f'backbone.1.{buffer}' for buffer in buffers),
    ]
    before = _levels(net, images)
    net.backbone[1].weight.data.mul_(2)
    torch.testing.assert_close(bank.levels(images)[0], before, rtol=0, atol=0)


def test_the_head_does_not_run():
    net = ToyNet()
    bank = _bank(net)
    bank.memorize(0)
    net.calls.update(backbone=0, head=0)
    bank.levels(torch.randn(2, 3, 8, 8))
    assert net.calls == {'backbone': 1, 'head': 0}


@pytest.mark.parametrize(
    'slots, alive', [([0, 1, 2, 0], [1, 2, 3]), ([2, 0, 1, 0, 2], [2, 3, 4])]
)
def test_the_oldest_comes_first(slots: list[int], alive: list[int]):
    net, images = ToyNet().eval(), torch.randn(1, 3, 8, 8)
    bank = _bank(net)
    copies = _remember(net, bank, slots)
    expected = [_levels(copies[index], images) for index in alive]
    torch.testing.assert_close(bank.levels(images), expected, rtol=0, atol=0)
    assert list(bank.state_dict()) == [slots[index] for index in alive]


@pytest.mark.parametrize(
    'change, names',
    [
        (lambda s: s.pop('neck.down.bias'), "['neck.down.bias']"),
        (lambda s: s.update(a=torch.ones(1)), "['a']"),
        (lambda s: s.update({'neck.down.bias': torch.ones(8)}), "['neck.down.bias']"),
    ],
)
def test_the_state_of_another_student_is_refused(change: Callable, names: str):
    bank = _bank(ToyNet())
    bank.memorize(0)
    state = bank.state_dict()
    change(state[0])
    text = f'memory slot 0 holds another student: {names} differ in name or shape'
    with refused(text):
        bank.load_state_dict(state)
    assert 'neck.down.bias' in bank.slots[0] and 'a' not in bank.slots[0]


def test_a_review_without_memories_is_refused():
    text = (
        'a review needs memories, but no slot is filled: call memorize() in earlier '
        'epochs, as TSKDMemoryHook does'
    )
    with refused(text, RuntimeError):
        _bank(ToyNet()).levels(torch.zeros(1, 3, 8, 8))


class NormEval(ToyNet):
    """Batch norm stays in eval mode, as mmdet's ``norm_eval`` has it."""

    def train(self, mode: bool = True) -> 'NormEval':
        super().train(mode)
        self.backbone[1].eval()
        return self


def _norm_eval_bank() -> tuple[NormEval, SnapshotBank]:
    net = NormEval().eval()  # the mode at this time does not matter
    bank = _bank(net)
    bank.memorize(0)
    return net.train(), bank


def test_statistics_that_stay_are_not_kept():
    _, bank = _norm_eval_bank()
    weights = ['backbone.0.weight', 'backbone.0.bias', 'backbone.1.weight']
    neck = ['neck.down.weight', 'neck.down.bias']
    assert list(bank.slots[0]) == [*weights, 'backbone.1.bias', *neck]


def test_memories_that_kept_them_can_be_loaded():
    net, bank = _norm_eval_bank()
    images, earlier = torch.randn(2, 3, 8, 8), bank.state_dict()
    expected = bank.levels(images)
    earlier[0] |= {n: b.clone() for n, b in net.named_buffers()}
    bank.load_state_dict(earlier)
    assert 'backbone.1.running_mean' not in bank.slots[0]
    torch.testing.assert_close(bank.levels(images), expected, rtol=0, atol=0)


def test_statistics_that_stay_are_not_spoiled_if_they_move_after_all():
    net, bank = _norm_eval_bank()
    net.backbone[1].train()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    bank.levels(torch.randn(2, 3, 8, 8))
    assert same_tensors(dict(net.named_buffers()), before)
