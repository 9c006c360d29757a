"""The hook inside a real Runner, with a real (tiny) RetinaNet."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from refusals import refused
from runs import resumed, saving
from runs import train as run
from toys import run_config as config
from toys import same_tensors

from tskd_mm.engine import TSKDMemoryHook


class Watch(Hook):
    """Writes down what the training shows from outside."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        model = runner.model
        self.rows.append(
            {
                'epoch': runner.epoch,
                'phase': model.phase,
                'filled': list(model.bank.slots),
                'review': outputs.get('loss_review'),
                'logged': 'train/loss_review' in runner.message_hub.log_scalars,
                'predictor_moved': not same_tensors(
                    model.review.state_dict(), self.predictors
                ),
            }
        )
        self.predictors = copy.deepcopy(model.review.state_dict())

    def before_train(self, runner):
        self.predictors = copy.deepcopy(runner.model.review.state_dict())
        self.teacher = copy.deepcopy(runner.model.teacher.model.state_dict())


def train(cfg: ConfigDict) -> tuple[Runner, list[dict]]:
    runner = run(cfg, watch := Watch())
    assert same_tensors(watch.teacher, runner.model.teacher.model.state_dict())
    return runner, watch.rows


def test_the_cycle_by_epoch(tmp_path, data):
    _, rows = train(config(tmp_path, data))
    by_epoch = [[r for r in rows if r['epoch'] == epoch] for epoch in range(5)]
    phases = ['memorize', 'memorize', 'memorize', 'review', 'memorize']
    assert [[r['phase'] for r in e] for e in by_epoch] == [[p, p] for p in phases]
    # A slot is filled when its epoch is over.
    assert [e[-1]['filled'] for e in by_epoch] == [[], [0], [0, 1], [0, 1, 2]] + [
        [0, 1, 2]
    ]
    for row in rows:
        review = row['phase'] == 'review'
        assert (row['review'] is not None) == review
        assert row['logged'] == review
        assert row['predictor_moved'] == review


def test_the_cycle_by_iteration(tmp_path, data):
    cfg = config(tmp_path, data, epochs=9, interval=5, by_epoch=False)
    runner, rows = train(cfg)
    reviews = [index for index, row in enumerate(rows) if row['phase'] == 'review']
    assert reviews == [15]  # one fifth of the interval
    assert [len(row['filled']) for row in rows] == [1] * 5 + [2] * 5 + [3] * 8
    assert runner.model.phase == 'general'


def test_the_cycle_of_an_iteration_loop_at_several_scales(tmp_path, data):
    cfg = config(tmp_path, data, interval=5, by_epoch=False)
    cfg.train_cfg = dict(by_epoch=False, max_iters=18)
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler')
    scales = [(96, 64), (128, 96), (160, 128)]
    resize = dict(type='RandomChoiceResize', scales=scales, keep_ratio=True)
    cfg.train_dataloader.dataset.pipeline.insert(2, resize)
    runner, rows = train(cfg)
    assert [i for i, row in enumerate(rows) if row['review'] is not None] == [15]
    assert list(runner.model.bank.slots) == [0, 1, 2]


def test_memory_is_the_student_at_the_end_of_the_epoch(tmp_path, data):
    runner, _ = train(saving(config(tmp_path, data, epochs=4)))
    for slot in range(3):
        path = tmp_path / 'work' / f'epoch_{slot + 1}.pth'
        saved = torch.load(path, weights_only=False)['state_dict']
        for name, tensor in runner.model.bank.slots[slot].items():
            if name in saved:
                assert torch.equal(tensor, saved[name]), name


def refuse(cfg: ConfigDict, text: str) -> None:
    with refused(text):
        train(cfg)


def test_a_run_too_short_for_a_review_is_refused(tmp_path, data):
    refuse(
        config(tmp_path, data, epochs=3),
        'the training has 3 epochs, but the first review comes after 3: train for at '
        'least 4 epochs, or set a smaller num_slots in TSKDMemoryHook',
    )


@pytest.fixture
def checkpoint(tmp_path, data) -> Path:
    run(saving(config(tmp_path, data, epochs=4)))
    return tmp_path / 'work' / 'epoch_3.pth'


def resume(tmp_path: Path, data: dict, checkpoint: Path, **hook: object) -> ConfigDict:
    cfg = config(tmp_path, data, epochs=12, **hook)
    return resumed(cfg, checkpoint, tmp_path / 'resumed')


def test_another_schedule_is_not_resumed(tmp_path, data, checkpoint):
    refuse(
        resume(tmp_path, data, checkpoint, interval=2),
        "the checkpoint was saved with the schedule {'interval': 1, 'num_slots': 3, "
        "'review_length': 1, 'by_epoch': True}, but the config has {'interval': 2, "
        "'num_slots': 3, 'review_length': 1, 'by_epoch': True}: set TSKDMemoryHook "
        'back, or to start a new run from its weights set load_from without resume',
    )


def test_a_review_without_memories_is_refused(tmp_path, data, checkpoint):
    content = torch.load(checkpoint, weights_only=False)
    content['tskd']['memories'].clear()
    torch.save(content, checkpoint)
    refuse(
        resume(tmp_path, data, checkpoint),
        'the review in epoch 3 needs 3 memories, but only 0 will be filled by then: '
        'start at the first memory of the cycle, or resume a checkpoint that has an '
        "entry 'tskd'",
    )


def test_a_review_lasts_a_fifth_of_the_interval_or_an_epoch():
    assert TSKDMemoryHook(interval=50, by_epoch=False).schedule.review_length == 10
    assert TSKDMemoryHook(interval=3, by_epoch=False).schedule.review_length == 1
    assert TSKDMemoryHook(interval=50).schedule.review_length == 1
    with pytest.raises(TypeError, match="unexpected keyword argument 'intervals'"):
        TSKDMemoryHook(intervals=3)
