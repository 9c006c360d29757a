"""The panel before a training, in a real Runner; it must leave no trace."""

import sys
from collections.abc import Iterator
from math import inf
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import sampler
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from mmengine.runner import Runner
from toys import coco_set, run_config, same_tensors, tiny_retinanet, with_validation

from tskd_mm.engine.preflight import Preflight, preflight, teacher_score
from tskd_mm.engine.preflight.panel_lines import model_line, schedule_lines
from tskd_mm.engine.preflight.teacher_score import score_teacher
from tskd_mm.engine.schedule.review_schedule import ReviewSchedule
from tskd_mm.models.teacher.teacher_classes import TeacherClasses

UNTRAINED = "weights: none given, so what the teacher's config initialises"


def batch_norm_student(config: ConfigDict) -> ConfigDict:
    """With statistics that a forward pass changes."""
    config.model.student.backbone.update(norm_eval=False, frozen_stages=-1)
    config.model.student.backbone.norm_cfg.requires_grad = True
    return config


def weights(runner: Runner) -> dict:
    model = runner.model
    extras = {f'review.{k}': v for k, v in model.review.state_dict().items()}
    return {**model.state_dict(), **extras}


@pytest.mark.parametrize('by_epoch', [True, False])
def test_training_is_the_same_with_and_without(tmp_path, data, by_epoch):
    runs = {}
    for switch in (True, False):
        hook = dict(interval=1, num_slots=1, by_epoch=by_epoch, preflight=switch)
        config = run_config(tmp_path, data, epochs=2, augment=True, **hook)
        config = batch_norm_student(with_validation(config))
        config.experiment_name += str(switch)
        if not by_epoch:
            config.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=99)
            config.train_dataloader.sampler = dict(type='InfiniteSampler')
        runs[switch] = Runner.from_cfg(config)
        runs[switch].train()
    assert same_tensors(weights(runs[True]), weights(runs[False]))


@pytest.fixture(scope='module')
def runner(tmp_path_factory) -> Iterator[Runner]:
    """A training that stands before its first step, whatever a test has looked at.

    Slow machines too look at all images.
    """
    folder = tmp_path_factory.mktemp('preflight')
    config = run_config(folder, coco_set(folder), epochs=8, augment=True)
    config = with_validation(config)
    config.custom_hooks[0].preflight = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teacher_score, 'SECONDS', inf)
        yield at_the_start(batch_norm_student(config))


class Started(Exception):
    pass


def at_the_start(config: ConfigDict) -> Runner:
    runner = Runner.from_cfg(config)

    def stop() -> None:
        runner.call_hook('before_train')
        raise Started

    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner._train_loop.run = stop
    with pytest.raises(Started):
        runner.train()
    return runner


def test_panel_and_warning_of_a_teacher_that_knows_nothing(runner):
    found = preflight(runner, runner.model)
    count = sum(p.numel() for p in runner.model.student.parameters()) / 1e6
    teacher = sum(p.numel() for p in runner.model.teacher.model.parameters()) / 1e6
    [seconds] = found.rows.pop('preflight')
    assert 0 < float(seconds.removesuffix(' s')) < 60
    assert found.rows == {
        'student': [
            f'RetinaNet, {count:.2f} M parameters',
            'weights: none given, so what its config initialises',
        ],
        'teacher': [
            f'RetinaNet, {teacher:.2f} M parameters',
            UNTRAINED,
            'finds nothing on 4 validation images',
        ],
        'levels': [
            f'neck[{i}] 16 channels, stride {stride:<3}  '
            f'teacher neck[{i}] 16 channels, stride {stride}'
            for i, stride in enumerate((8, 16, 32, 64, 128))
        ],
        'losses': [
            'pkd: PKDLoss, weight 10 (default)',
            'review: TemporalReview, weight 1 (default)',
        ],
        'schedule': [
            '123R123R',
            'one sign for 1 epoch; 2 reviews of 1 epoch, from epoch 4, 8',
        ],
    }
    assert found.warnings == [
        'the teacher seems to know nothing (finds nothing on 4 validation images; '
        f'{UNTRAINED}): check that teacher_checkpoint holds trained weights, that its '
        'config has the mean, std and channel order of its training, and that it '
        'numbers the classes as the data set does'
    ]


def test_warns_of_a_student_that_is_not_pretrained(tmp_path, data):
    """All processes read its file: from the web, mmengine lets them wait for it."""
    file = str(tmp_path / 'net.pth')
    torch.save({'conv.weight': torch.arange(3.0)}, file)
    config = run_config(tmp_path, data)
    init_cfg = dict(type='Pretrained', checkpoint=file)
    config.model.student.backbone.init_cfg = init_cfg
    config.custom_hooks[0].preflight = False
    runner = at_the_start(config)
    module = sys.modules[preflight.__module__]
    for main_process in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, 'is_main_process', lambda: main_process)  # noqa: B023
            found = preflight(runner, runner.model)
        [_, line] = found.rows['student']
        assert line.startswith('backbone: 0 of ') and line.endswith(f' from {file}')
        [warning] = found.warnings
        assert warning.startswith(
            f'the student starts mostly from random weights ({line}): the file has '
            'other names than ResNet; '
        )
        assert len(found.rows['teacher']) == 2 + main_process


class Perfect(torch.nn.Module):
    """Predicts the annotations."""

    def forward(self, inputs, data_samples, mode):
        for sample in data_samples:
            boxes = sample.gt_instances
            scale = boxes.bboxes.new_tensor(sample.scale_factor).repeat(2)
            sample.pred_instances = type(boxes)(
                bboxes=boxes.bboxes / scale,
                labels=boxes.labels,
                scores=torch.ones(len(boxes)),
            )
        return data_samples


def test_a_perfect_teacher_on_the_images_it_saw(runner, monkeypatch):
    monkeypatch.setattr(teacher_score, 'IMAGES', 2)
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    own = runner.val_loop.evaluator.metrics[0], runner.val_dataloader.dataset
    before = [dict(vars(one)) for one in own]
    score = score_teacher(runner, runner.model)
    assert score == ('bbox_mAP 1.000 on 2 validation images', False)
    assert [vars(one) for one in own] == before


def test_every_process_takes_images_of_the_whole_set(runner, monkeypatch):
    """The sampler of a loader has a share of them."""
    monkeypatch.setattr(sampler, 'get_dist_info', lambda: (0, 4))
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    score = score_teacher(runner, runner.model)
    assert score.text == 'bbox_mAP 1.000 on 4 validation images'


@METRICS.register_module()
class Told(BaseMetric):
    """Gives what it is told to."""

    def __init__(self, **scores: object) -> None:
        super().__init__()
        self.scores = scores

    def process(self, data_batch, data_samples):
        self.results.append(data_samples)

    def compute_metrics(self, results):
        return self.scores


def told(**scores: object) -> dict:
    return dict(type='Told', **scores)


@pytest.mark.parametrize(
    'evaluator, score',
    [
        # Of a class alone, as CocoMetric(classwise=True) has them in front.
        (told(cat_precision=0.0, bbox_mAP=0.5), ('bbox_mAP 0.500 on 4 {}', False)),
        (
            [told(), told(a=[1.0, 2.0], recall=torch.tensor(0.75)), told(x=1.0)],
            ('recall 0.750 on 4 {}', False),
        ),
        (dict(metrics=[told(f1=0.02)]), ('f1 0.020 on 4 {}', True)),
        # One image in three is right by chance.
        (told(**{'top1': 50.0}), ('top1 50.000 on 4 {}', True)),
        (told(**{'top1': 51.0}), ('top1 51.000 on 4 {}', False)),
        ([told(a=torch.eye(3)), told()], ('not measured: no metric gives a number', 0)),
    ],
)
def test_the_first_metric_that_gives_a_number(runner, monkeypatch, evaluator, score):
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    monkeypatch.setattr(runner, '_val_evaluator', evaluator)
    text, failing = score
    expected = (text.format('validation images'), failing)
    assert score_teacher(runner, runner.model) == expected


def test_no_file_is_written(runner, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    dumps = [
        dict(type='DumpResults', out_file_path='results.pkl'),
        dict(runner._val_evaluator, outfile_prefix=str(tmp_path / 'boxes')),
    ]
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    monkeypatch.setattr(runner, '_val_evaluator', dumps)
    score = score_teacher(runner, runner.model)
    assert score.text == 'bbox_mAP 1.000 on 4 validation images'
    assert [*tmp_path.iterdir()] == []


@METRICS.register_module()
class Failing(BaseMetric):
    def process(self, data_batch, data_samples):
        raise RuntimeError('nms: no implementation for the device\nand more')

    def compute_metrics(self, results): ...


def test_warns_of_a_test_that_ends_in_an_error(runner, monkeypatch):
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    monkeypatch.setattr(runner, '_val_evaluator', dict(type='Failing'))
    found = preflight(runner, runner.model)
    reason = 'RuntimeError: nms: no implementation for the device'
    assert found.rows['teacher'][2] == f'not measured: {reason}'
    assert found.warnings == [
        f'the teacher cannot be tested on the validation images ({reason}): look into '
        "it now, the student's validation can fail in the same way"
    ]


def test_warns_of_reversed_channels(runner, monkeypatch):
    monkeypatch.setattr(runner.model.teacher.adapt, 'doubtful', True)
    [_, warning] = preflight(runner, runner.model).warnings
    assert warning == (
        'student and teacher have one mean in one order, but only one of them reverses '
        'the channels, so that they are reversed for the teacher: if it was trained on '
        'images that were RGB in memory (as CIFAR is) and yours are files, give it a '
        'config of your own with data_preprocessor=dict(to_rgb=True)'
    )


def test_what_fails_is_one_line_and_the_training_runs(tmp_path, data, monkeypatch):
    def endless() -> None:
        raise RecursionError('maximum recursion depth exceeded\nin __getattr__')

    config = run_config(tmp_path, data, epochs=2, interval=1, num_slots=1)
    runner = Runner.from_cfg(with_validation(config))
    module = sys.modules[preflight.__module__]
    looks = 'student_origins', 'teacher_origin', 'level_lines', 'schedule_lines'
    for look in looks:
        monkeypatch.setattr(module, look, lambda *about: endless())
    panels = []
    monkeypatch.setattr(runner.logger, 'info', lambda text, *_: panels.append(text))
    runner.train()
    assert runner.epoch == 2
    [panel] = [text for text in panels if text.startswith('before the first step')]
    reason = 'not known: RecursionError: maximum recursion depth exceeded'
    labels = [line[:13].strip() for line in panel.splitlines() if reason in line]
    assert labels == ['', '', 'levels', 'schedule']


def test_fewer_batches_than_the_data_set_has(tmp_path, data):
    """mmengine's switch for a first look at a config."""
    config = with_validation(run_config(tmp_path, data, epochs=4))
    config.train_dataloader.num_batch_per_epoch = 1
    config.val_dataloader.num_batch_per_epoch = 1
    config.custom_hooks[0].preflight = False
    runner = at_the_start(config)
    rows = preflight(runner, runner.model).rows
    assert rows['teacher'][2] == 'finds nothing on 4 validation images'
    assert 'not known' not in str(rows)


def test_teacher_of_other_classes(tmp_path, data):
    config = with_validation(run_config(tmp_path, data, epochs=4))
    config.model.teacher = tiny_retinanet(12, classes=5)
    config.custom_hooks[0].preflight = False
    runner = at_the_start(config)
    found = preflight(runner, runner.model)
    assert found.rows['teacher'][2] == (
        'not measured: it knows 5 classes, the validation set has 3: set '
        'teacher_classes to those of the student'
    )
    assert found.warnings == []


class PerfectAndMore(Perfect):
    """Numbers the student's three classes backwards, and sees other things too."""

    bbox_head = SimpleNamespace(num_classes=5)

    def forward(self, inputs, data_samples, mode):
        samples = super().forward(inputs, data_samples, mode)
        for sample in samples:
            mine = sample.pred_instances
            mine.labels = 4 - mine.labels
            other = mine[:1]
            other.labels = torch.zeros_like(other.labels)
            sample.pred_instances = mine.cat([other, mine])
        return samples


def test_a_teacher_is_measured_in_the_students_classes(runner, monkeypatch):
    monkeypatch.setattr(runner.model.teacher, 'model', PerfectAndMore())
    chosen = TeacherClasses([4, 3, 2], lambda: None)
    monkeypatch.setattr(runner.model, 'shared_classes', chosen)
    expected = 'bbox_mAP 1.000 on 4 validation images'
    assert preflight(runner, runner.model).rows['teacher'][2] == expected
    chosen.wanted = None
    names = runner.val_dataloader.dataset.metainfo['classes']
    looked_up = Mock(return_value=['x', 'y', *names[::-1]])
    chosen.student_names, chosen.teacher_names = names, looked_up
    assert preflight(runner, runner.model).rows['teacher'][2] == expected
    # Names in a file from a URL: a process waits for the others.
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[preflight.__module__], 'is_main_process', bool)
        assert len(preflight(runner, runner.model).rows['teacher']) == 2
    assert looked_up.call_count == 2
    chosen.wanted = [4, 3]
    found = preflight(runner, runner.model)
    assert found.rows['teacher'][2] == (
        'not measured: ValueError: teacher_classes must give one class of the teacher '
        'for each of the student, which has 3 classes (class0, class1, class2), but '
        'got [4, 3]'
    )


def test_without_validation(runner, monkeypatch):
    monkeypatch.setattr(runner, '_val_loop', None)
    score = score_teacher(runner, runner.model)
    assert score.text == 'not measured: the config has no validation'


def test_validation_data_that_are_not_given_by_a_config(runner, monkeypatch):
    monkeypatch.setattr(runner, '_val_dataloader', runner.val_dataloader)
    found = preflight(runner, runner.model)
    assert found.rows['teacher'][2] == (
        'not measured: val_dataloader must be a config, also of its data set, to take '
        'images from without changing the run, but got DataLoader'
    )
    assert found.warnings == []


class InTraining:
    """A runner as far as the schedule goes."""

    def __init__(self, interval: int, epochs: int) -> None:
        hook = type('Hook', (), {})()
        hook.schedule, hook.by_epoch = ReviewSchedule(interval), True
        self.hooks, self.max_iters, self.train_dataloader = [hook], epochs, range(1)


def test_schedule_of_the_release():
    signs, words = schedule_lines(InTraining(5, 240))
    assert signs == '123R' * 12
    assert words == (
        'one sign for 5 epochs; 12 reviews of 1 epoch, from epoch 16, 36, 56, ..., 236'
    )


def test_long_schedule_fits_on_a_line():
    signs, words = schedule_lines(InTraining(1, 300))
    assert signs == '123R' * 8 + '...' + '123R' * 4
    assert '75 reviews of 1 epoch, from epoch 4, 8, 12, ..., 300' in words


def test_trained_parameters():
    model = torch.nn.Sequential(torch.nn.Linear(999, 1000), torch.nn.Linear(999, 1000))
    assert model_line(model) == 'Sequential, 2.00 M parameters'
    model[0].requires_grad_(False)
    assert model_line(model) == 'Sequential, 2.00 M parameters, 1.00 M of them trained'


def test_rows_stand_under_each_other():
    found = Preflight({'a': ['one', 'two'], 'long label': ['three']})
    assert str(found) == ('  a           one\n              two\n  long label  three')
