"""Past students do not compute what the present one has just computed."""

import gc
import weakref
from collections import Counter
from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
from mmengine.dist import is_distributed
from mmengine.model import MMDistributedDataParallel
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from torch import Tensor, nn
from toys import (
    ToyNet,
    detection_batch,
    same_tensors,
    tiny_distiller,
    tiny_retinanet,
)

from tskd_mm.models.feature_tap import FeatureTap
from tskd_mm.models.frozen_parts import FrozenParts
from tskd_mm.models.snapshot_bank import SnapshotBank

IMAGES = torch.rand(2, 3, 16, 16)


class Staged(ToyNet):
    """A stem and a stage that are frozen with their statistics, then one that is not.

    ``between`` is done to the output of the stem.
    """

    def __init__(self, stage: nn.Module | None = None, between=lambda net, x: x):
        super().__init__()
        self.between = between
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.stage = stage or nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
        self.shift = nn.Parameter(torch.ones(3, 1, 1))
        self.frozen = [self.stem, self.norm, self.stage]
        for part in self.frozen:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> 'Staged':
        super().train(mode)
        for part in self.frozen[1:]:
            for module in part.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        stem = self.relu(self.norm(self.stem(inputs)))
        return super().forward(self.stage(self.between(self, stem)))


def _parts(net: nn.Module, taps: tuple = ('neck',)) -> dict[str, bool]:
    return SnapshotBank(net, FeatureTap(net, taps)).frozen.paths


STEM = {'stem': False, 'norm': False, 'relu': False}


def test_stem_and_stage():
    assert _parts(Staged()) == {**STEM, 'stage': True}


def test_nothing_is_frozen():
    assert _parts(ToyNet()) == {}


def test_batch_norm_in_training_is_no_part():
    net = ToyNet().train()
    net.backbone.requires_grad_(False)
    assert _parts(net) == {'backbone.0': True}


def test_dropout_is_no_part():
    stage = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.5))
    assert _parts(Staged(stage)) == {**STEM, 'relu': True, 'stage.0': True}


def test_parts_without_weights_are_not_worth_it():
    net = ToyNet()
    net.backbone.insert(0, nn.Identity())
    assert _parts(net) == {}


def test_code_between_the_modules():
    def add(net: Staged, x: Tensor) -> Tensor:
        return x + net.shift

    assert _parts(Staged(between=add)) == {'stem': False, 'norm': False, 'relu': True}


def test_an_output_that_goes_two_ways():
    class Skip(Staged):
        def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
            stem = self.relu(self.norm(self.stem(inputs)))
            return ToyNet.forward(self, self.stage(stem) + self.backbone_in(stem))

        def __init__(self) -> None:
            super().__init__()
            self.backbone_in = nn.Conv2d(3, 3, 1)

    found = {'stem': False, 'norm': False, 'relu': True, 'stage': True}
    assert _parts(Skip()) == found


def test_an_output_that_no_module_but_code_needs_too():
    class Residual(Staged):
        def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
            stem = self.relu(self.norm(self.stem(inputs)))
            return ToyNet.forward(self, self.stage(stem) + stem)

    assert _parts(Residual()) == {}  # found out by trying


def test_taps_are_reached():
    net = Staged()
    assert _parts(net, ('stage', 'neck')) == {**STEM, 'stage': True}
    # Not all of the stage is spared, so that it is given what the stem returns.
    parts = {**STEM, 'relu': True, 'stage.0': True, 'stage.1': True}
    assert _parts(net, ('stage.0', 'neck')) == parts


def test_finding_them_leaves_the_model_as_it_was():
    net = Staged().train()
    net.backbone[1].eval()
    modes = [module.training for module in net.modules()]
    state, random_state = deepcopy(net.state_dict()), torch.get_rng_state()
    assert _parts(net)
    assert [module.training for module in net.modules()] == modes
    assert same_tensors(net.state_dict(), state)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any('forward' in vars(module) for module in net.modules())


@pytest.fixture
def frozen() -> tuple[Staged, FrozenParts]:
    net = Staged().train()
    return net, SnapshotBank(net, FeatureTap(net, ['neck'])).frozen


def test_record(frozen):
    net, parts = frozen
    with parts.record(IMAGES) as outputs:
        net(IMAGES)
        assert outputs == {}
    expected = net.stage(net.relu(net.norm(net.stem(IMAGES))))
    assert torch.equal(outputs['stage'], expected)
    assert {outputs[path].device.type for path in STEM} == {'meta'}


def test_a_pass_of_other_images_records_nothing(frozen):
    net, parts = frozen
    with parts.record(IMAGES) as outputs:
        net(IMAGES.flip(3))
    assert outputs == {}
    with parts.record(IMAGES) as outputs:
        net(IMAGES)
        net(IMAGES)
    assert outputs == {}


@torch.no_grad()
def test_a_pass_that_takes_another_way_records_nothing(frozen):
    net, parts = frozen
    net.train()
    net.between = lambda net, x: x * net.shift
    with parts.record(IMAGES) as outputs:
        net(IMAGES)
    assert outputs == {}


@torch.no_grad()
def test_an_output_that_is_written_into_later_is_not_recorded(frozen):
    net, parts = frozen
    net.train()
    with parts.record(IMAGES) as outputs:
        handle = net.stage.register_forward_hook(lambda m, a, output: output.add_(1))
        net(IMAGES)
    handle.remove()
    assert outputs == {}


def test_nothing_stays_in_memory(frozen):
    net, parts = frozen
    with parts.record(IMAGES) as outputs:
        net(IMAGES)
    kept = weakref.ref(outputs['stage'])
    del outputs
    gc.collect()
    assert kept() is None


def test_forward_comes_back(frozen):
    net, parts = frozen
    wrapper = net.stage.forward = lambda x: nn.Sequential.forward(net.stage, x)
    with parts.replay({'stem': torch.zeros(1), 'stage': torch.ones(1)}):
        assert torch.equal(net.stage(IMAGES), torch.ones(1))
    assert vars(net.stage)['forward'] is wrapper
    assert 'forward' not in vars(net.stem)


# A real detector, R18 with frozen_stages=1 and norm_eval=True.


def _reviewing(**backbone: object) -> nn.Module:
    model = tiny_distiller(student=tiny_retinanet(**backbone))
    model.init_weights()
    for slot in range(3):
        model.memorize(slot)
        for parameter in model.student.parameters():
            if parameter.requires_grad:
                parameter.data.mul_(1.02)
    model.phase = 'review'
    return model.train()


@pytest.fixture
def computed(monkeypatch) -> Counter:
    """How often each convolution has been computed."""
    calls: Counter = Counter()
    compute = nn.Conv2d._conv_forward

    def count(self, *args):
        calls[self] += 1
        return compute(self, *args)

    monkeypatch.setattr(nn.Conv2d, '_conv_forward', count)
    return calls


def _backward(model: nn.Module, batch: tuple) -> dict[str, Tensor]:
    loss, _ = model.parse_losses(model(*batch, mode='loss'))
    loss.backward()
    return {'loss': loss, **{n: p.grad for n, p in model.named_parameters()}}


VARIANTS = {
    'plain': ({}, nullcontext),
    'bfloat16': ({}, lambda: torch.autocast('cpu', torch.bfloat16)),
    'with_cp': ({'with_cp': True}, nullcontext),
    'two stages': ({'frozen_stages': 2}, nullcontext),
}


@pytest.mark.usefixtures('mmdet_scope')
@pytest.mark.parametrize('backbone, context', [*VARIANTS.values()], ids=[*VARIANTS])
def test_a_review_is_the_same_to_the_last_bit(backbone, context, monkeypatch):
    model = _reviewing(**backbone)
    batch = detection_batch(model.data_preprocessor)
    assert 'backbone.layer1' in model.bank.frozen.paths
    other = deepcopy(model.student.state_dict())
    with context():
        spared = _backward(model, batch)
    model.zero_grad()
    assert same_tensors(model.student.state_dict(), other)
    monkeypatch.setattr(model, '_watch_frozen', lambda inputs: nullcontext({}))
    with context():
        computed_anew = _backward(model, batch)
    assert spared.keys() == computed_anew.keys()
    for key, value in computed_anew.items():
        assert (value is None) == (spared[key] is None)
        assert value is None or torch.equal(spared[key], value), key


def _counts(model: nn.Module, computed: Counter) -> dict[str, set[int]]:
    """How often the convolutions of each part were computed."""
    backbone, found = model.student.backbone, {}
    for name in ('conv1', 'layer1', 'layer2', 'layer4'):
        part = getattr(backbone, name)
        found[name] = {computed[m] for m in part.modules() if isinstance(m, nn.Conv2d)}
    return found


@pytest.mark.usefixtures('mmdet_scope')
@pytest.mark.parametrize('checkpointing', [False, True])
def test_frozen_parts_are_computed_once(checkpointing: bool, computed: Counter):
    model = _reviewing()
    batch = detection_batch(model.data_preprocessor)
    if checkpointing:
        turn_on_activation_checkpointing(model.student, ['backbone.layer1'])
    computed.clear()
    losses = model.loss(*batch)
    assert _counts(model, computed) == {
        'conv1': {1},
        'layer1': {1},
        'layer2': {4},
        'layer4': {4},
    }
    assert losses['loss_review'] > 0
    model.phase = 'general'
    computed.clear()
    model.loss(*batch)
    assert all(counts == {1} for counts in _counts(model, computed).values())


@pytest.mark.usefixtures('mmdet_scope')
def test_under_a_wrapper(computed: Counter, tmp_path):
    model = _reviewing()
    batch = detection_batch(model.data_preprocessor)
    assert not is_distributed()
    store = f'file://{tmp_path}/store'
    torch.distributed.init_process_group('gloo', store, rank=0, world_size=1)
    try:
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
        computed.clear()
        wrapped(*batch, mode='loss')
        assert _counts(model, computed)['layer1'] == {1}
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.usefixtures('mmdet_scope')
def test_outside_a_review_nothing_is_watched(monkeypatch):
    model = _reviewing()
    monkeypatch.setattr(FrozenParts, 'record', None)
    for phase in ('general', 'memorize'):
        model.phase = phase
        model.loss(*detection_batch(model.data_preprocessor))
