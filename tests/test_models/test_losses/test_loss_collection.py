"""What a loss is given, and the adapters that are made for it."""

import re

import pytest
import torch
from mmengine.registry import MODELS, Registry
from torch import Tensor, nn
from toys import detection_batch, same_tensors, tiny_distiller, tiny_retinanet

from tskd_mm.models import TSKDDistiller
from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.losses import FitNetLoss, LogitKLLoss
from tskd_mm.models.losses.loss_collection import LossCollection

# Another package's registry, under the same root as mmdet's and mmrazor's.
ELSEWHERE = Registry('model', parent=MODELS, scope='elsewhere')
CONVOLUTION = nn.Conv2d
SAMPLES = ['first', 'second']
# All losses that have parameters of their own.
TRAINED = {
    'fitnet': dict(type='FitNetLoss'),
    'mgd': dict(type='MGDLoss'),
    'fgd': dict(type='FGDLoss'),
    'reviewkd': dict(type='ReviewKDLoss'),
}


@ELSEWHERE.register_module()
class L2(nn.Module):
    """As mmrazor writes its losses."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, preds_S: Tensor, preds_T: Tensor) -> Tensor:  # noqa: N803
        return self.weight * (preds_S - preds_T).square().sum()


@ELSEWHERE.register_module()
class Curious(nn.Module):
    """Asks for all there is and keeps it."""

    def __init__(self, student_channels, teacher_channels) -> None:
        super().__init__()
        self.channels = student_channels, teacher_channels

    def forward(self, student, teacher, data_samples, valid=None) -> Tensor:
        self.seen = student, teacher, data_samples, valid
        return torch.zeros(())


class CuriousPyramid(Curious):
    takes_pyramid = True
    adapter = 'never'


ELSEWHERE.register_module(module=CuriousPyramid)


def levels(*channels: int) -> Features:
    features = Features([torch.randn(2, c, 4, 4) for c in channels])
    features.logits = torch.randn(2, 5)
    return features


def build(
    loss: dict, student: tuple = (2, 3), teacher: tuple = (2, 4)
) -> LossCollection:
    return LossCollection({'it': loss}, None, student, teacher)


def padding() -> list:
    valid = torch.ones(2, 1, 4, 4)
    valid[1, :, 2:] = 0
    return [valid, None]


def test_a_loss_registered_elsewhere():
    losses = build(dict(type='elsewhere.L2', weight=0.5), teacher=(2, 3))
    student, teacher = levels(2, 3), levels(2, 3)
    valid = padding()
    found = losses(student, teacher, valid, SAMPLES)
    expected = ((student.levels[0] - teacher.levels[0]) * valid[0]).square().sum()
    expected = expected + (student.levels[1] - teacher.levels[1]).square().sum()
    assert list(found) == ['it']
    torch.testing.assert_close(found['it'], 0.5 * expected)
    assert not list(losses.parameters())


def test_a_loss_registered_elsewhere_on_logits():
    losses = LossCollection(None, {'it': dict(type='elsewhere.L2')}, (), None)
    student, teacher = levels(), levels()
    found = losses(student, teacher, [], SAMPLES)['it']
    assert found == (student.logits - teacher.logits).square().sum()


def test_mmdet_s_own_loss_works_by_name():
    config = dict(type='mmdet.KnowledgeDistillationKLDivLoss', T=4, loss_weight=0.5)
    student, teacher = levels(), levels()
    found = LossCollection(None, {'kd': config}, (), None)(
        student, teacher, [], SAMPLES
    )
    ours = LogitKLLoss(4.0, 0.5)(student.logits, teacher.logits)
    torch.testing.assert_close(found['kd'], ours / 5)  # theirs is a mean of the classes


def test_an_adapter_where_the_channels_differ():
    losses = build(dict(type='elsewhere.L2'))
    none, adapter = losses.features['it'].adapters
    assert isinstance(none, nn.Identity)
    assert (adapter.in_channels, adapter.out_channels) == (3, 4)
    assert adapter.kernel_size == (1, 1)
    student, teacher, valid = levels(2, 3), levels(2, 4), padding()[::-1]
    found = losses(student, teacher, valid, SAMPLES)['it']
    # Padding reads 0 after the adapter too.
    adapted = adapter(student.levels[1]) * valid[1]
    expected = (adapted - teacher.levels[1] * valid[1]).square().sum()
    expected = expected + (student.levels[0] - teacher.levels[0]).square().sum()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    'kind, adapted',
    [
        ('FitNetLoss', [True, True]),
        ('CWDLoss', [False, True]),
        ('PKDLoss', [False, True]),
        ('MGDLoss', [False, True]),
        ('FGDLoss', [False, True]),
        ('AttentionTransferLoss', [False, False]),
    ],
)
def test_who_is_adapted(kind: str, adapted: list):
    adapters = build(dict(type=kind)).features['it'].adapters
    assert [isinstance(a, CONVOLUTION) for a in adapters] == adapted


def test_what_a_loss_asks_for():
    losses = build(dict(type='elsewhere.Curious'))
    valid = padding()
    losses(levels(2, 3), levels(2, 4), valid, SAMPLES)
    for level, channels in enumerate([(2, 2), (3, 4)]):
        loss = losses.features['it'].losses[level]
        assert loss.channels == channels
        student, teacher, samples, mask = loss.seen
        assert student.shape == teacher.shape == (2, channels[1], 4, 4)
        assert samples is SAMPLES and mask is valid[level]


def test_what_a_loss_on_a_pyramid_is_given():
    losses = build(dict(type='elsewhere.CuriousPyramid'))
    student, teacher, valid = levels(2, 3), levels(2, 4), padding()
    losses(student, teacher, valid, SAMPLES)
    loss = losses.features['it'].loss
    assert loss.channels == ((2, 3), (2, 4))
    own, wanted, samples, masks = loss.seen
    assert torch.equal(own[0], student.levels[0] * valid[0])
    assert torch.equal(wanted[0], teacher.levels[0] * valid[0])
    assert torch.equal(own[1], student.levels[1])
    assert samples is SAMPLES and masks is valid


def test_a_number_of_channels_in_the_config_wins():
    config = dict(type='elsewhere.Curious', student_channels=7)
    losses = build(config).features['it'].losses
    assert [loss.channels for loss in losses] == [(7, 2), (7, 4)]


def test_half_precision_is_raised():
    losses = build(dict(type='elsewhere.L2'))
    student, teacher = levels(2, 3), levels(2, 4)
    for features in (student, teacher):
        features.levels = [level.bfloat16() for level in features.levels]
    assert losses(student, teacher, [None] * 2, SAMPLES)['it'].dtype == torch.float32


def test_half_precision_of_scores_is_raised():
    seen = []

    class Scores(nn.Module):
        def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
            seen.extend([student.dtype, teacher.dtype])
            return student.sum()

    losses = build(dict(type='FitNetLoss'))
    losses.logits['mine'] = Scores()
    student, teacher = levels(2, 3), levels(2, 4)
    student.logits, teacher.logits = torch.ones(2, 5).half(), torch.ones(2, 5).double()
    losses(student, teacher, [None] * 2, SAMPLES)
    assert seen == [torch.float32, torch.float64]


def test_a_class_in_place_of_a_name():
    losses = build({'type': FitNetLoss})
    assert isinstance(losses.features['it'].losses[0], FitNetLoss)


def test_an_unknown_loss():
    text = (
        "there is no loss 'FitNet': check its spelling, or import the package that "
        'registers it with custom_imports'
    )
    with pytest.raises(KeyError, match=re.escape(text)):
        build(dict(type='FitNet'))


@pytest.mark.parametrize('name', ['review', 'task', 'my_loss', 'twice'])
def test_names_that_cannot_be_used(name: str):
    features = {name: dict(type='FitNetLoss')}
    logits = {'twice': dict(type='LogitKLLoss')}
    text = (
        'a static loss needs a name of its own that is none of review, task and does '
        'not contain "loss", under which mmengine sums, but got '
        f"'{name}' in {[name, 'twice']}: it is logged as loss_<name>, and its ratio to "
        'the task loss as ratio_<name>'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        LossCollection(features, logits, (2,), (2,))


@pytest.fixture
def wide_teacher() -> dict:
    """Its neck has 24 channels, the student's 16."""
    model = tiny_retinanet(12)
    model.neck.out_channels = 24
    model.bbox_head.in_channels = 24
    return model


@pytest.mark.usefixtures('mmdet_scope')
def test_the_student_starts_as_it_would_alone(wide_teacher):
    torch.manual_seed(3)
    alone = MODELS.build(tiny_retinanet())
    alone.init_weights()
    random_state = torch.get_rng_state()
    torch.manual_seed(3)
    distiller = tiny_distiller(teacher=wide_teacher, feature_losses=TRAINED)
    distiller.init_weights()
    assert list(distiller.state_dict()) == list(alone.state_dict())
    assert same_tensors(distiller.state_dict(), alone.state_dict())
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.usefixtures('mmdet_scope')
def test_all_that_is_trained_beside_the_student(wide_teacher):
    """In the optimizer, with gradients, from the start; in the state for resuming."""
    distiller = tiny_distiller(teacher=wide_teacher, feature_losses=TRAINED)
    optimizer = torch.optim.SGD(distiller.parameters(), lr=0.1)  # as Runner does
    distiller.init_weights()
    start = {k: v.clone() for k, v in distiller.static_losses.state_dict().items()}
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    total, _ = distiller.parse_losses(losses)
    total.backward()
    optimizer.step()
    for name, parameter in distiller.static_losses.named_parameters():
        assert parameter.grad is not None, name
    kept = {k: v.clone() for k, v in distiller.tskd_state()['losses'].items()}
    assert len(kept) > 100
    moved = [name for name in kept if not torch.equal(kept[name], start[name])]
    assert any('adapters' in name for name in moved)
    other = tiny_distiller(teacher=wide_teacher, feature_losses=TRAINED)
    assert not same_tensors(other.static_losses.state_dict(), kept)
    other.load_tskd_state(distiller.tskd_state())
    assert same_tensors(other.static_losses.state_dict(), kept)


@pytest.mark.usefixtures('mmdet_scope')
def test_testing_needs_no_teacher_config():
    distiller = TSKDDistiller(
        tiny_retinanet(),
        'nowhere/teacher.py',
        'nowhere.pth',
        feature_losses=TRAINED | {'attention': dict(type='AttentionTransferLoss')},
    )
    assert list(distiller.static_losses.features) == ['attention']
    assert len(distiller.eval()(torch.zeros(1, 3, 64, 64))) == 2
    with pytest.raises(FileNotFoundError, match='teacher config nowhere/teacher.py'):
        distiller.init_weights()


@pytest.mark.usefixtures('mmdet_scope')
def test_weights_and_ratios(wide_teacher):
    distiller = tiny_distiller(
        teacher=wide_teacher,
        feature_losses={
            'pkd': dict(type='PKDLoss'),
            'attention': dict(type='AttentionTransferLoss'),
        },
    )
    distiller.init_weights()
    batch = detection_batch(distiller.data_preprocessor)
    plain = distiller.loss(*batch)
    task = sum(v for name in ('loss_cls', 'loss_bbox') for v in plain[name])
    for name in ('pkd', 'attention'):
        ratio = plain[f'ratio_{name}']
        assert not ratio.requires_grad
        torch.testing.assert_close(ratio, plain[f'loss_{name}'].detach() / task)
    total, logged = distiller.parse_losses(plain)
    expected = task + plain['loss_pkd'] + plain['loss_attention']
    torch.testing.assert_close(total, expected)
    assert {'ratio_pkd', 'ratio_attention'} < logged.keys()
    distiller.loss_factors = {'pkd': 0.25}
    weighted = distiller.loss(*batch)
    for kind in ('loss', 'ratio'):
        torch.testing.assert_close(weighted[f'{kind}_pkd'], 0.25 * plain[f'{kind}_pkd'])
        assert torch.equal(weighted[f'{kind}_attention'], plain[f'{kind}_attention'])


@pytest.mark.usefixtures('mmdet_scope')
def test_every_loss_goes_with_a_review(wide_teacher):
    names = ('FitNet', 'CWD', 'PKD', 'MGD', 'FGD', 'ReviewKD', 'AttentionTransfer')
    distiller = tiny_distiller(
        teacher=wide_teacher,
        feature_losses={n.lower(): dict(type=f'{n}Loss') for n in names},
    )
    distiller.init_weights()
    for slot in range(3):
        distiller.memorize(slot)
    distiller.phase = 'review'
    distiller.loss_factors = {'review': 3.0}
    batch = detection_batch(distiller.data_preprocessor)
    losses = distiller.loss(*batch)
    added = {name for name in losses if name.startswith('ratio_')}
    assert added == {f'ratio_{name.lower()}' for name in names} | {'ratio_review'}
    assert all(torch.isfinite(losses[name]) for name in added)
    distiller.loss_factors = {}
    plain = distiller.loss(*batch)['loss_review']
    assert plain > 0
    torch.testing.assert_close(losses['loss_review'], 3 * plain)


@pytest.mark.usefixtures('mmdet_scope')
def test_a_name_of_the_host_s_own_loss():
    distiller = tiny_distiller(feature_losses={'cls': dict(type='PKDLoss')})
    distiller.init_weights()
    text = (
        "the student has losses of its own under the names ['cls'] (its losses: "
        "['loss_cls', 'loss_bbox']): give those of the distiller other names in "
        'feature_losses and logit_losses'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        distiller.loss(*detection_batch(distiller.data_preprocessor))
