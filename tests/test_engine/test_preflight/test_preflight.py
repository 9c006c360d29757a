"""The panel before a training, in a real Runner; it must leave no trace."""

import random
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from torch.utils.data import ConcatDataset, DataLoader, Dataset
from toys import (
    coco_set,
    run_config,
    same_tensors,
    tiny_distiller,
    tiny_retinanet,
    with_validation,
)

from tskd_mm.engine.preflight import Preflight, phase_trial, preflight, teacher_score
from tskd_mm.engine.preflight.lines import (
    loss_line,
    model_line,
    schedule_lines,
    time_line,
)
from tskd_mm.engine.preflight.samples import batch_size, sample_images
from tskd_mm.engine.preflight.teacher_score import score_teacher
from tskd_mm.engine.preflight.untouched import untouched
from tskd_mm.engine.schedule.review_schedule import ReviewSchedule
from tskd_mm.engine.schedule.run_timeline import RunTimeline


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
    """A training that stands before its first step, whatever a test has tried.

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


def test_panel(runner):
    found = preflight(runner, runner.model)
    model, rows = runner.model, found.rows
    count = sum(p.numel() for p in model.student.parameters()) / 1e6
    assert rows['student'] == [f'RetinaNet, {count:.2f} M parameters']
    assert rows['teacher'][1:] == [
        "weights: none given, so what the teacher's config initialises",
        'finds nothing on 4 validation images',
    ]
    assert rows['schedule'] == [
        '123R123R',
        'one sign for 1 epoch; 2 reviews of 1 epoch, from epoch 4, 8',
    ]
    strides = [8, 16, 32, 64, 128]
    assert [int(re.search(r'stride (\d+)$', line)[1]) for line in rows['taps']] == (
        strides
    )
    first = re.fullmatch(
        r'neck\[0\] 16x(\d+)x(\d+)  teacher neck\[0\] 16x\1x\2 +stride 8',
        rows['taps'][0],
    )
    assert first is not None
    ordinary, review = rows['first step']
    names = 'loss_cls', 'loss_bbox', 'loss_attention'
    terms = {
        name: float(re.search(rf'{name} ([\d.e-]+)', ordinary)[1]) for name in names
    }
    total = float(re.search(r'sum ([\d.]+)$', ordinary)[1])
    assert total == pytest.approx(sum(terms.values()), rel=1e-2)
    assert terms['loss_cls'] == pytest.approx(1.13, abs=0.05)  # focal loss, prior 0.01
    assert re.fullmatch(
        r'in a review: loss_review [\d.]+ \(before there is any history\)', review
    )
    slot = model.bank._copy()
    size = sum(t.numel() * t.element_size() for t in slot.values()) / 1e6
    assert rows['memory'][0].endswith(f', 3 memories of {size:.1f} MB')
    assert str(found).startswith('  student     RetinaNet, ')


def test_warns_of_a_student_that_is_not_pretrained(tmp_path, data):
    file = str(tmp_path / 'net.pth')
    torch.save({'conv.weight': torch.ones(3)}, file)
    config = run_config(tmp_path, data)
    init_cfg = dict(type='Pretrained', checkpoint=file)
    config.model.student.backbone.init_cfg = init_cfg
    config.custom_hooks[0].preflight = False
    runner = at_the_start(config)
    weights = runner.model.student.backbone.state_dict().values()
    part = f'backbone: 0 of {sum(w.ndim > 0 for w in weights)} tensors from {file}'
    found = preflight(runner, runner.model)
    assert found.rows['student'][1:] == [part]
    assert found.warnings == [
        f'the student starts mostly from random weights ({part}): the file has other '
        'names than ResNet; take the model of the library that the file was made with, '
        "such as type='mmpretrain.MobileNetV2', or correct the prefix in init_cfg"
    ]
    runner._load_from = 'whole.pth'  # whose weights replace them
    found = preflight(runner, runner.model)
    assert (len(found.rows['student']), found.warnings) == (1, [])


def test_all_processes_read_the_student_s_file(tmp_path, data, monkeypatch):
    """mmengine lets them wait for one another where it is from the web."""
    config = run_config(tmp_path, data)
    init_cfg = dict(type='Pretrained', checkpoint='https://host/net.pth')
    config.model.student.backbone.init_cfg = init_cfg
    config.custom_hooks[0].preflight = False
    read = []

    def load(url, **options):
        read.append(url)
        return {'conv.weight': torch.ones(3)}

    monkeypatch.setattr('mmengine.runner.checkpoint.load_url', load)
    runner = at_the_start(config)
    read.clear()
    module = sys.modules[preflight.__module__]
    monkeypatch.setattr(module, 'is_main_process', lambda: False)
    preflight(runner, runner.model)
    assert read == ['https://host/net.pth']


@pytest.mark.parametrize(
    'sampler, size', [(dict(batch_size=[4, 2]), 4), (dict(batch_size=3), 3), ({}, 1)]
)
def test_batch_samplers_of_other_kinds(sampler, size):
    loader = SimpleNamespace(batch_size=None, batch_sampler=SimpleNamespace(**sampler))
    assert batch_size(loader) == size


class Remembering:
    """Transforms with what they have seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, image: str) -> tuple[str, int]:
        self.seen.append(image)
        return image, len(self.seen)


class UsersOwn(Dataset):
    """A data set with names that mean something else elsewhere, and a lock."""

    def __init__(self, *images: str) -> None:
        self.dataset = [*images]
        self.datasets = 'a.lmdb'
        self.lock = threading.Lock()
        self.pipeline = [Remembering()]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[str, int]:
        with self.lock:
            return self.pipeline[0](self.dataset[index])


def test_samples_of_any_data_set():
    first, second = UsersOwn('a', 'b'), UsersOwn('c', 'd')
    for _ in range(2):  # the second time nothing is known of the first
        found = sample_images(DataLoader(ConcatDataset([first, second])), 4)
        assert found == [('a', 1), ('b', 2), ('c', 1), ('d', 2)]
    assert first.pipeline[0].seen == second.pipeline[0].seen == []


class Uncopied(list):
    def __deepcopy__(self, memo: dict) -> None:
        raise AssertionError


def test_samples_share_the_records():
    data = UsersOwn()
    data.dataset = Uncopied('ab')
    data.by_name = {'a': torch.ones(2, requires_grad=True) * 2}  # cannot be copied
    data.whole = data.by_name['a']
    assert sample_images(DataLoader(data), 1) == [('a', 1)]


def test_warns_of_a_teacher_that_knows_nothing(runner):
    [warning] = preflight(runner, runner.model).warnings
    assert warning == (
        'the teacher seems to know nothing (finds nothing on 4 validation images; '
        "weights: none given, so what the teacher's config initialises): check that "
        'teacher_checkpoint holds trained weights, that its config has the mean, std '
        'and channel order of its training, and that it numbers the classes as the '
        'data set does'
    )


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


def test_a_perfect_teacher(runner, monkeypatch):
    """Only the images that it saw count."""
    monkeypatch.setattr('tskd_mm.engine.preflight.teacher_score.IMAGES', 2)
    teacher = runner.model.teacher
    metric = runner.val_loop.evaluator.metrics[0]
    before = dict(vars(metric))
    monkeypatch.setattr(teacher, 'model', Perfect())
    score = score_teacher(runner, runner.model, teacher)
    assert score.text == 'bbox_mAP 1.000 on 2 validation images'
    assert not score.failing
    assert vars(metric) == before


class Metric(BaseMetric):
    """Gives what it is told to."""

    def __init__(self, **scores: object) -> None:
        super().__init__()
        self.scores = scores

    def process(self, data_batch, data_samples):
        self.results.append(data_samples)

    def compute_metrics(self, results):
        return self.scores


@pytest.mark.parametrize(
    'scores, text',
    [
        # Of a class alone, as CocoMetric(classwise=True) has them in front.
        (dict(cat_precision=0.0, bbox_mAP=0.5), 'bbox_mAP 0.500 on 4 {}'),
        (dict(precision=[1.0, 2.0], recall=torch.tensor(0.75)), 'recall 0.750 on 4 {}'),
        (dict(result=torch.eye(3)), 'not measured: Metric gives no number'),
        ({}, 'not measured: Metric gives no number'),
    ],
)
def test_scores_of_other_kinds(runner, monkeypatch, scores, text):
    monkeypatch.setattr(runner.model.teacher, 'model', Perfect())
    monkeypatch.setattr(runner.val_loop.evaluator, 'metrics', [Metric(**scores)])
    score = score_teacher(runner, runner.model, runner.model.teacher)
    assert score.text == text.format('validation images')
    assert not score.failing


class Failing(BaseMetric):
    def process(self, data_batch, data_samples):
        raise RuntimeError('nms: no implementation for the device\nand more')

    def compute_metrics(self, results): ...


def test_warns_of_a_test_that_ends_in_an_error(runner, monkeypatch):
    monkeypatch.setattr(runner.val_loop.evaluator, 'metrics', [Failing()])
    found = preflight(runner, runner.model)
    reason = 'RuntimeError: nms: no implementation for the device'
    assert found.rows['teacher'][2] == f'not measured: {reason}'
    assert found.warnings == [
        f'the teacher cannot be tested on the validation images ({reason}): look into '
        "it now, the student's validation can end in the same way"
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


def test_no_trial_under_a_static_graph(runner, monkeypatch):
    monkeypatch.setattr(runner.model, 'static_graph', True, raising=False)
    monkeypatch.setattr(phase_trial, 'try_step', None)
    rows = preflight(runner, runner.model).rows
    assert rows['first step'] == [
        'not tried: DDP with static_graph counts backward passes'
    ]


def test_all_processes_take_equally_many_steps(runner, monkeypatch):
    """One can be slow where the others are fast."""
    taken = []

    def step(*about):
        taken.append(about)
        return try_step(*about)

    def slow_elsewhere(seconds, op):
        assert (op, taken[-1][0]) == ('max', runner)
        seconds.fill_(phase_trial.SLOW + 1)

    try_step = phase_trial.try_step
    monkeypatch.setattr(phase_trial, 'try_step', step)
    monkeypatch.setattr(phase_trial, 'SLOW', 1e5)  # on no machine
    preflight(runner, runner.model)
    assert len(taken) == 4  # each phase once more, to be warm
    monkeypatch.setattr(phase_trial, 'all_reduce', slow_elsewhere)
    preflight(runner, runner.model)
    assert len(taken) == 6


def test_the_first_step_has_the_factors_of_its_time(tmp_path, data):
    config = run_config(tmp_path, data)
    ramp = dict(type='LossWeightHook', factors=dict(attention=[(0, 0), (2, 1)]))
    config.custom_hooks = [dict(config.custom_hooks[0], preflight=False), ramp]
    runner = at_the_start(config)
    [ordinary, _] = preflight(runner, runner.model).rows['first step']
    assert 'loss_attention 0;' in ordinary


def test_teacher_of_other_classes(tmp_path, data):
    config = with_validation(run_config(tmp_path, data, epochs=4))
    config.model.teacher = tiny_retinanet(12, classes=5)
    config.custom_hooks[0].preflight = False
    runner = at_the_start(config)
    found = preflight(runner, runner.model)
    assert found.rows['teacher'][2] == (
        'not measured: it knows 5 classes, the validation set has 3'
    )
    assert found.warnings == []


def test_without_validation_and_with_a_data_set_that_cannot_be_indexed(
    runner, monkeypatch
):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(())

    monkeypatch.setattr(runner, '_val_loop', None)
    monkeypatch.setitem(vars(runner.train_dataloader), 'dataset', Stream())
    found = preflight(runner, runner.model)
    assert found.rows['teacher'][2] == 'not measured: the config has no validation'
    assert found.rows['first step'] == ['not tried: Stream can only be iterated']


def test_a_step_of_a_review_uses_the_memories_that_are_there(runner):
    model = runner.model
    for slot in range(3):
        model.memorize(slot)
    slots = dict(model.bank.slots)
    review = preflight(runner, model).rows['first step'][1]
    assert re.fullmatch(r'in a review: loss_review [\d.]+', review)
    assert model.bank.slots == slots
    model.bank.slots.clear()


def test_untouched(mmdet_scope):
    model = tiny_distiller().train()
    model.memorize(1)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    head = model.student.bbox_head
    # As the histories of Dynamic R-CNN's head.
    head.history, head.last = [1], deque([2], maxlen=3)
    head.names, head.seen = {'a': 3}, {4}
    histories = head.history, head.last, head.names, head.seen
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    expected = draws()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    with untouched(model):
        draws()
        model.eval()
        model.phase = 'review'
        head.normaliser = 100
        head.history.append(5), head.last.extend([6, 7, 8])
        head.names.update(a=9, b=10), head.seen.add(11)
        model.memorize(0)
        for buffer in model.buffers():
            buffer.add_(1)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    assert draws() == expected
    assert all(module.training for module in model.student.neck.modules())
    assert model.phase is None
    assert not hasattr(head, 'normaliser')
    assert histories == ([1], deque([2]), {'a': 3}, {4})
    assert (head.history, head.last, head.names, head.seen) == histories
    assert head.history is histories[0]
    assert list(model.bank.slots) == [1]
    assert same_tensors(dict(model.named_buffers()), buffers)
    assert all(p.grad is None for p in model.parameters())


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def plan(interval: int, epochs: int, **kwargs: int) -> RunTimeline:
    return RunTimeline(ReviewSchedule(interval, **kwargs), True, epochs * 10, 10)


def test_schedule_of_the_release():
    signs, words = schedule_lines(plan(5, 240))
    assert signs == '123R' * 12
    assert words == (
        'one sign for 5 epochs; 12 reviews of 1 epoch, from epoch 16, 36, 56, ..., 236'
    )


def test_long_schedule_fits_on_a_line():
    signs, words = schedule_lines(plan(1, 300))
    assert signs == '123R' * 8 + '...' + '123R' * 4
    assert '75 reviews of 1 epoch, from epoch 4, 8, 12, ..., 300' in words


def test_lines_by_value():
    values = {'loss': 3.0, 'loss_cls': 1.0, 'loss_kl': 2.0, 'ratio_kl': 2.0}
    assert loss_line(values) == ('loss_cls 1, loss_kl 2; sum 3')
    assert time_line(0.5, 0.75, 3661) == (
        '0.50 s an iteration, 0.75 s in a review; about 1:01:01 to the end, without '
        'validation'
    )
    assert time_line(0.5, None, 60) == (
        '0.50 s an iteration; about 0:01:00 to the end, without validation'
    )


def test_trained_parameters():
    model = torch.nn.Sequential(torch.nn.Linear(999, 1000), torch.nn.Linear(999, 1000))
    assert model_line(model) == 'Sequential, 2.00 M parameters'
    model[0].requires_grad_(False)
    assert model_line(model) == 'Sequential, 2.00 M parameters, 1.00 M of them trained'


def test_rows_stand_under_each_other():
    found = Preflight({'a': ['one', 'two'], 'long label': ['three']})
    assert str(found) == ('  a           one\n              two\n  long label  three')
