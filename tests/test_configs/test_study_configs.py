"""The configs of the shipped studies build, take a step, and are compared fairly."""

import sys
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from config_steps import build, images, take_steps
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, init_default_scope

from tools.study.read_study import read_study
from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.losses import AttentionTransferLoss
from tskd_mm.models.review.temporal_review import TemporalReview

FOLDER = ROOT / 'configs' / 'study'
FAMILIES = (
    'cifar10',
    'cifar10_losses',
    'cifar10_resnet20',
    'digits',
    'digits_heads',
    'history',
    'person',
    'person_heads',
    'person_yolox',
)
# Of the images.
SIZES = dict(cifar10=32, cifar10_losses=32, cifar10_resnet20=32, history=16)
sys.path.append(str(FOLDER))  # as tools/study does
CONFIGS = sorted(
    path
    for family in FAMILIES
    for path in (FOLDER / family).glob('*.py')
    if path.stem not in ('none', 'teacher', 'teacher20', 'teacher_training')
)


@pytest.mark.parametrize(
    'path', CONFIGS, ids=lambda path: f'{path.parent.stem} {path.stem}'
)
def test_a_config_trains_the_plain_student_in_the_same_way(path):
    """It trains the student of none.py on the same data in the same way."""
    config, plain = Config.fromfile(path), Config.fromfile(path.with_name('none.py'))
    assert config.model.student == plain.model
    for key in plain.keys() - {'model', 'custom_hooks', 'custom_imports'}:
        assert config[key] == plain[key], key
    config, model = build(path)
    data = images(config, path, SIZES.get(path.parent.name, 0))
    for sample in data['data_samples'] if config.default_scope == 'mmdet' else ():
        sample.gt_instances.labels.zero_()  # all persons
    take_steps(model, data)


@pytest.mark.parametrize(
    'family, static, full',
    [
        ('cifar10', 'kd', 'kd_tskd'),
        ('cifar10', 'no_review', 'review'),
        ('cifar10', 'pkd', 'pkd_review'),
        ('cifar10_resnet20', 'pkd', 'pkd_review'),
        ('history', 'kd', 'kd_tskd'),
        ('history', 'pkd_kd', 'pkd_kd_tskd'),
        ('digits', 'pkd', 'pkd_tskd'),
        ('digits_heads', 'pkd_bckd', 'pkd_bckd_review'),
        ('person_heads', 'pkd_bckd', 'pkd_bckd_review'),
        ('person', 'attention', 'tskd'),
        ('person', 'pkd', 'pkd_tskd'),
    ],
)
def test_the_review_is_the_only_difference(family, static, full):
    ours, theirs = (
        Config.fromfile(FOLDER / family / f'{name}.py').to_dict()
        for name in (full, static)
    )
    assert theirs['model'] == {**ours['model'], 'review': None}
    assert [hook['type'] for hook in ours.pop('custom_hooks')] == ['TSKDMemoryHook']
    assert [hook['type'] for hook in theirs.pop('custom_hooks')] == ['DistillationHook']
    ours.pop('model'), theirs.pop('model')
    assert ours == theirs


def test_the_history_trains_as_the_release_does():
    config = Config.fromfile(FOLDER / 'history' / 'kd_tskd.py')
    sgd = dict(type='SGD', lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert config.optim_wrapper == dict(optimizer=sgd)
    drops = dict(type='MultiStepLR', milestones=[150, 180, 210], gamma=0.1)
    assert config.param_scheduler == drops
    assert config.train_cfg.max_epochs == 240
    assert config.train_dataloader.batch_size == 128
    assert config.model.student_taps == [f'backbone.feature{n}' for n in range(3)]
    kl = dict(type='LogitKLLoss', temperature=4.0, loss_weight=1.0)
    assert config.model.logit_losses == dict(kl=kl)
    review = config.model.review
    assert (review.normalize, review.loss_weight) == ('column', 1.0)
    [hook] = config.custom_hooks  # with its default of 3 slots
    assert hook == dict(type='TSKDMemoryHook', interval=5, preflight=False)
    heavy = Config.fromfile(FOLDER / 'history' / 'kd_review25.py').model.review
    assert (heavy.normalize, heavy.loss_weight) == ('rms', 25.0)
    assert heavy.predictor == review.predictor


def test_the_control_of_the_history_has_the_weight_and_the_steps_of_the_review():
    review, control = (
        Config.fromfile(FOLDER / 'history' / f'{name}.py').to_dict()
        for name in ('kd_review25', 'kd_attention25')
    )
    review.pop('custom_imports'), control.pop('custom_imports')
    review['model']['review']['predictor'] = {'type': 'NoPrediction'}
    assert control == review


@pytest.mark.parametrize('name', ['person_shares', 'cifar10_shares'])
def test_the_shares_of_a_study_are_those_of_its_names(name):
    """A share of 1 is the run of the screen: it is not made twice."""
    study, screen = (
        read_study(FOLDER / f'{file}.py')
        for file in (name, f'{name.removesuffix("shares")}losses_screen')
    )
    screened = {trial.method: trial.fingerprint for trial in screen.trials([0])}
    for trial in study.trials([0]):
        loss, _, share = trial.method.partition('_')
        if not share:
            assert trial.fingerprint == screened[loss]
            continue
        if share.startswith('review'):
            continue
        *_, balance = trial.content.custom_hooks
        assert balance == dict(type='LossBalanceHook', shares={loss: float(share)})
        assert (trial.fingerprint == screened[f'{loss}_share']) == (share == '1')


@pytest.mark.parametrize('name', ['person_shares', 'cifar10_shares'])
def test_the_reviews_of_the_best_loss_add_nothing_else(name):
    """One has the published weight, the other a share of 0.1."""
    study = read_study(FOLDER / f'{name}.py')
    trials = {trial.method: trial.content.to_dict() for trial in study.trials([0])}
    static, weighed, shared = (
        trials[method] for method in ('pkd', 'pkd_review', 'pkd_review_0.1')
    )
    hooks = [trial.pop('custom_hooks') for trial in (static, weighed, shared)]
    assert hooks[2].pop() == dict(type='LossBalanceHook', shares=dict(review=0.1))
    assert hooks[1] == hooks[2]
    del shared['balance']
    assert shared == weighed
    assert weighed['model'].pop('review').get('loss_weight', 1) == 1
    assert static['model'].pop('review') is None
    assert static == weighed


def test_the_plain_student_of_the_heads_is_that_of_the_digits():
    """One training is not run for both studies."""
    ours, theirs = (
        Config.fromfile(FOLDER / family / 'none.py').to_dict()
        for family in ('digits_heads', 'digits')
    )
    assert ours == theirs


def test_the_teacher_of_the_heads_has_the_students_neck_and_head():
    student, teacher = (
        Config.fromfile(FOLDER / 'digits_heads' / f'{name}.py').to_dict()
        for name in ('none', 'teacher')
    )
    ours, theirs = student.pop('model'), teacher.pop('model')
    assert student == teacher
    assert theirs['bbox_head'] == ours['bbox_head']
    assert theirs['neck']['out_channels'] == ours['neck']['out_channels']
    assert theirs['backbone']['depth'] > ours['backbone']['depth']


def test_the_teacher_of_persons_has_a_deeper_head_and_is_taught_by_nano():
    none, teacher, training = (
        Config.fromfile(FOLDER / 'person_heads' / f'{name}.py').to_dict()
        for name in ('none', 'teacher', 'teacher_training')
    )
    for config in (none, training):
        assert config['train_dataloader'] == teacher['train_dataloader']
    assert training['model']['student'] == teacher['model']
    assert training['model']['teacher'].startswith('mmdet::yolox/yolox_nano')
    assert teacher['model']['bbox_head'].pop('stacked_convs') == 4
    assert none['model']['bbox_head'].pop('stacked_convs') == 2
    assert teacher['model'] == none['model']


def test_pico_is_half_as_wide_as_nano():
    """The student for persons has the recipe's layers, for one class."""
    recipe = Config.fromfile(FOLDER.parent / 'tskd' / 'yolox_nano_to_pico_coco.py')
    pico = Config.fromfile(FOLDER / 'person_yolox' / 'none.py').model
    recipe.model.student.bbox_head.num_classes = 1
    init_default_scope('mmdet')
    theirs, ours = (
        {k: v.shape for k, v in MODELS.build(config).state_dict().items()}
        for config in (recipe.model.student, pico)
    )
    assert ours == theirs


def test_without_a_prediction_the_review_is_attention_transfer():
    import review_predictors  # noqa: F401  (registers them)

    review = TemporalReview(2, 'column', {'type': 'NoPrediction'})
    levels = [torch.randn(5, 2, 4, size, size) for size in (8, 4)]
    past = [[level[i] for level in levels] for i in range(3)]
    student, teacher = ([level[i] for level in levels] for i in (3, 4))
    transfer = AttentionTransferLoss('column')
    expected = sum(map(transfer, student, teacher))
    assert torch.allclose(review(past, student, teacher, [None] * 2), expected)


def test_the_last_increment_is_predicted_again():
    import review_predictors

    sequence = torch.randn(3, 2, 1, 4, 4)
    predicted = review_predictors.LastIncrement()(sequence)
    assert torch.equal(predicted, sequence[2])


def test_a_student_like_its_past_has_no_past_mean_loss():
    """Closed form: KL of the mean of the past to the student's scores."""
    import past_mean

    past = [torch.tensor([[0.0, 2.0]]), torch.tensor([[2.0, 0.0]])]
    student = torch.tensor([[0.0, 0.0]])
    call = partial(past_mean.PastMean(1), None, None, None, None, 3.0, past)
    assert torch.allclose(call(student), torch.tensor(0.0), atol=1e-6)
    other = torch.tensor([[0.0, 1.0]]).log_softmax(-1)
    expected = 3.0 * (0.5 * (torch.tensor(0.5).log() - other)).sum()
    assert torch.allclose(call(other), expected)


@pytest.mark.parametrize('weight', [1.0, 25.0])
def test_a_detached_gap_is_a_constant_to_the_student(weight):
    import detached_gap
    import review_predictors  # noqa: F401  (registers them)

    *past, student, teacher = torch.randn(5, 2, 4, 8, 8)
    student.requires_grad_()
    predictor = {'type': 'LastIncrement'}
    reviews = (
        kind(1, 'column', predictor, weight)
        for kind in (detached_gap.DetachedGap, TemporalReview)
    )
    ours, whole = (
        review([[feature] for feature in past], [student], [teacher], [None])
        for review in reviews
    )
    assert torch.allclose(ours, whole)
    last, now, wanted = (
        attention_map(feature, 'column') for feature in (past[-1], student, teacher)
    )
    gap = (now - wanted).abs().detach()
    expected = weight * ((last - now).abs() - gap).square().mean()
    assert torch.allclose(
        *(torch.autograd.grad(loss, student)[0] for loss in (ours, expected))
    )


def test_channels_last_changes_the_format_and_no_value():
    """Weights change their format where they are, those of the configs' models too."""
    config = Config.fromfile(FOLDER / 'cifar10' / 'kd.py')
    hook = HOOKS.build(config.default_hooks.channels_last)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    before = [*model.parameters()]
    values = [parameter.clone() for parameter in before]
    hook.before_train(SimpleNamespace(model=model))
    assert before[0].stride() == (27, 1, 9, 3)
    for parameter, same, value in zip(model.parameters(), before, values):
        assert parameter is same
        assert torch.equal(parameter, value)
    seen = model(torch.randn(2, 3, 8, 8))
    assert seen.is_contiguous(memory_format=torch.channels_last)
