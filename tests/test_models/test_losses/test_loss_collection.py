"""What a loss is given, its adapters, its name and its weight."""

import pytest
import torch
from mmengine.registry import MODELS, Registry
from refusals import refused
from torch import Tensor, nn
from toys import detection_batch, same_tensors, tiny_distiller, tiny_retinanet

from tskd_mm.models import TemporalReview, TSKDDistiller
from tskd_mm.models.features.feature_tap import Features
from tskd_mm.models.losses import FitNetLoss, LogitKLLoss
from tskd_mm.models.losses.loss_collection import LossCollection

# Another package's registry, under the same root as mmdet's and mmrazor's.
ELSEWHERE = Registry('model', parent=MODELS, scope='elsewhere')
SAMPLES = ['first', 'second']
# All losses that have parameters of their own.
TRAINED = {n.lower(): dict(type=f'{n}Loss') for n in ('FitNet', 'MGD', 'FGD')}
TRAINED['reviewkd'] = dict(type='ReviewKDLoss')


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
    """Declares all optional inputs and keeps what it is given."""

    def __init__(self, student_channels, teacher_channels) -> None:
        super().__init__()
        self.channels = student_channels, teacher_channels

    def forward(self, student, teacher, data_samples, valid=None) -> Tensor:
        self.seen = student, teacher, data_samples, valid
        return torch.zeros(())


@ELSEWHERE.register_module()
class CuriousPyramid(Curious):
    takes_pyramid = True
    adapter = 'never'


def levels(*channels: int) -> Features:
    features = Features([torch.randn(2, c, 4, 4) for c in channels])
    features.logits = torch.randn(2, 5)
    return features


def on_features(
    loss: dict, student: tuple = (2, 3), teacher: tuple = (2, 4)
) -> LossCollection:
    return LossCollection({'it': loss}, None, student, teacher)


def on_logits(loss: dict) -> LossCollection:
    return LossCollection(None, {'it': loss}, (), None)


def padding() -> list:
    valid = torch.ones(2, 1, 4, 4)
    valid[1, :, 2:] = 0
    return [valid, None]


def test_a_loss_registered_elsewhere_is_summed_over_the_levels():
    losses = on_features(dict(type='elsewhere.L2', weight=0.5), teacher=(2, 3))
    student, teacher, valid = levels(2, 3), levels(2, 3), padding()
    found = losses(student, teacher, valid, SAMPLES)
    gaps = [a - b for a, b in zip(student.levels, teacher.levels)]
    expected = (gaps[0] * valid[0]).square().sum() + gaps[1].square().sum()
    assert list(found) == ['it']
    torch.testing.assert_close(found['it'], 0.5 * expected)
    assert not list(losses.parameters())


def test_losses_registered_elsewhere_take_logits():
    student, teacher = levels(), levels()
    given = student, teacher, [], SAMPLES
    squares = on_logits(dict(type='elsewhere.L2'))(*given)['it']
    assert squares == (student.logits - teacher.logits).square().sum()
    config = dict(type='mmdet.KnowledgeDistillationKLDivLoss', T=4, loss_weight=0.5)
    ours = LogitKLLoss(4.0, 0.5)(student.logits, teacher.logits)
    # mmdet's is a mean of the classes.
    torch.testing.assert_close(on_logits(config)(*given)['it'], ours / 5)


def test_an_adapter_brings_the_student_s_channels_to_the_teacher_s():
    losses = on_features(dict(type='elsewhere.L2'))
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
    ],
)
def test_a_loss_has_adapters_always_where_needed_or_never(kind: str, adapted: list):
    adapters = on_features(dict(type=kind)).features['it'].adapters
    assert [isinstance(a, nn.Conv2d) for a in adapters] == adapted


def test_a_loss_on_a_level_is_given_the_inputs_that_it_declares():
    losses = on_features(dict(type='elsewhere.Curious'))
    valid = padding()
    losses(levels(2, 3), levels(2, 4), valid, SAMPLES)
    for level, channels in enumerate([(2, 2), (3, 4)]):
        loss = losses.features['it'].losses[level]
        assert loss.channels == channels
        student, teacher, samples, mask = loss.seen
        assert student.shape == teacher.shape == (2, channels[1], 4, 4)
        assert samples is SAMPLES and mask is valid[level]


def test_a_loss_on_a_pyramid_is_given_the_inputs_that_it_declares():
    losses = on_features(dict(type='elsewhere.CuriousPyramid'))
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
    losses = on_features(config).features['it'].losses
    assert [loss.channels for loss in losses] == [(7, 2), (7, 4)]


def test_half_precision_is_raised_to_float32_and_double_stays():
    class Scores(nn.Module):
        def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
            self.seen = student.dtype, teacher.dtype
            return student.sum()

    losses = on_features(dict(type='elsewhere.L2'))
    losses.logits['mine'] = scores = Scores()
    student, teacher = levels(2, 3), levels(2, 4)
    for features in (student, teacher):
        features.levels = [level.bfloat16() for level in features.levels]
    student.logits, teacher.logits = torch.ones(2, 5).half(), torch.ones(2, 5).double()
    found = losses(student, teacher, [None] * 2, SAMPLES)
    assert found['it'].dtype == torch.float32
    assert scores.seen == (torch.float32, torch.float64)


def test_a_loss_is_found_by_its_class_and_an_unknown_name_is_refused():
    losses = on_features({'type': FitNetLoss})
    assert isinstance(losses.features['it'].losses[0], FitNetLoss)
    text = (
        "there is no loss 'FitNet': check its spelling, or import the package that "
        'registers it with custom_imports'
    )
    with pytest.raises(KeyError) as error:
        on_features(dict(type='FitNet'))
    assert error.value.args == (text,)


@pytest.mark.parametrize('name', ['review', 'task', 'my_loss', 'twice'])
def test_a_name_that_cannot_be_used_is_refused(name: str):
    features = {name: dict(type='FitNetLoss')}
    logits = {'twice': dict(type='LogitKLLoss')}
    text = (
        'a static loss needs a name of its own that is none of review, task and does '
        'not contain "loss", under which mmengine sums, but got '
        f"'{name}' in {[name, 'twice']}: it is logged as loss_<name>, and its ratio to "
        'the task loss as ratio_<name>'
    )
    with refused(text):
        LossCollection(features, logits, (2,), (2,))


@pytest.mark.parametrize('weight', [-0.1, float('nan'), float('inf')])
def test_a_weight_must_be_a_finite_number_from_zero(weight: float):
    text = 'loss_weight of {} must be a finite number from 0, but got ' + str(weight)
    with refused(text.format('it')):
        on_features(dict(type='AttentionTransferLoss', loss_weight=weight))
    with refused(text.format('it')):
        on_logits(dict(type='LogitKLLoss', loss_weight=weight))
    with refused(text.format('review')):
        TemporalReview(num_levels=1, loss_weight=weight)
    TemporalReview(num_levels=1, loss_weight=0)


@pytest.fixture
def wide_teacher(mmdet_scope) -> dict:
    """Its neck has 24 channels, the student's 16."""
    model = tiny_retinanet(12)
    model.neck.out_channels = model.bbox_head.in_channels = 24
    return model


def test_what_is_trained_besides_the_student_is_optimized_and_resumed(wide_teacher):
    distiller = tiny_distiller(teacher=wide_teacher, feature_losses=TRAINED)
    optimizer = torch.optim.SGD(distiller.parameters(), lr=0.1)  # as Runner does
    distiller.init_weights()
    start = {k: v.clone() for k, v in distiller.static_losses.state_dict().items()}
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    distiller.parse_losses(losses)[0].backward()
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
def test_losses_on_features_and_on_heads_may_share_a_name():
    shared = tiny_distiller(
        feature_losses={'kd': dict(type='PKDLoss')},
        head_losses={'kd': dict(type='BCKDLoss')},
    )
    assert shared.loss_names == ['kd', 'kd_cls', 'kd_box', 'review']


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


def test_weights_and_ratios_are_logged_for_each_loss(wide_teacher):
    kinds = dict(pkd=dict(type='PKDLoss'), attention=dict(type='AttentionTransferLoss'))
    distiller = tiny_distiller(teacher=wide_teacher, feature_losses=kinds)
    distiller.init_weights()
    batch = detection_batch(distiller.data_preprocessor)
    plain = distiller.loss(*batch)
    task = sum(v for name in ('loss_cls', 'loss_bbox') for v in plain[name])
    for name in kinds:
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


def test_every_loss_goes_with_a_review(wide_teacher):
    names = ('FitNet', 'CWD', 'PKD', 'MGD', 'FGD', 'ReviewKD', 'AttentionTransfer')
    losses = {n.lower(): dict(type=f'{n}Loss') for n in names}
    distiller = tiny_distiller(teacher=wide_teacher, feature_losses=losses)
    distiller.init_weights()
    for slot in range(3):
        distiller.memorize(slot)
    distiller.phase = 'review'
    distiller.loss_factors = {'review': 3.0}
    batch = detection_batch(distiller.data_preprocessor)
    weighted = distiller.loss(*batch)
    added = {name for name in weighted if name.startswith('ratio_')}
    assert added == {f'ratio_{name}' for name in (*losses, 'review')}
    assert all(torch.isfinite(weighted[name]) for name in added)
    distiller.loss_factors = {}
    plain = distiller.loss(*batch)['loss_review']
    assert plain > 0
    torch.testing.assert_close(weighted['loss_review'], 3 * plain)


@pytest.mark.usefixtures('mmdet_scope')
def test_a_name_of_one_of_the_host_s_losses_is_refused():
    distiller = tiny_distiller(feature_losses={'cls': dict(type='PKDLoss')})
    distiller.init_weights()
    text = (
        "the student has losses of its own under the names ['cls'] (its losses: "
        "['loss_cls', 'loss_bbox']): give those of the distiller other names in "
        'feature_losses, logit_losses and head_losses'
    )
    with refused(text):
        distiller.loss(*detection_batch(distiller.data_preprocessor))
