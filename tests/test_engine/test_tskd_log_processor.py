"""The log of a real Runner: phases, ETA, and nothing stale."""

import json
import re
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmengine.runner import LogProcessor, Runner
from toys import run_config

from tskd_mm.engine import TSKDLogProcessor
from tskd_mm.engine.tskd_log_processor import PhaseTimes


class Clock(Hook):
    """Every iteration takes 60 seconds, in a review 240; or a share of it."""

    def __init__(self, share: float) -> None:
        self.share = share

    def after_train_iter(self, runner, *args, **kwargs):
        times = runner.message_hub.get_scalar('train/time')
        seconds = 240 if runner.model.phase == 'review' else 60
        times._log_history[-1] = seconds * self.share


def train(config, share: float = 1) -> tuple[list[str], list[dict]]:
    """The lines of the log and the records of the training."""
    config.log_level = 'INFO'
    runner = Runner.from_cfg(config)
    runner.register_hook(Clock(share))
    runner.train()
    folder = Path(runner.log_dir)
    log = next(folder.glob('*.log')).read_text()
    scalars = (folder / 'vis_data' / 'scalars.json').read_text()
    lines = [line for line in log.splitlines() if '(train)' in line]
    return lines, [json.loads(line) for line in scalars.splitlines()]


def found(pattern: str, lines: list[str]) -> list[str]:
    return [re.search(pattern, line)[1] for line in lines]


def test_lines_name_the_phase_and_the_eta_knows_reviews(tmp_path, data):
    config = run_config(tmp_path, data, epochs=8)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=7)
    lines, records = train(config)
    check_phases(lines)
    check_eta(lines)
    for line, record in zip(lines, records, strict=True):
        check_nothing_stale(line, record)

    # Resumed, its times count from there and its phases from the start.
    config.update(resume=True, load_from=f'{tmp_path}/work/epoch_7.pth')
    config.experiment_name += '_resumed'
    lines, _ = train(config, share=0.5)
    assert found(r'\[(review.*?)\]', lines) == ['review 2/2', 'review 2/2']
    assert found(r'eta: (\S+)', lines) == ['0:02:00', '0:00:00']

    # With half the batch an epoch has more iterations than before.
    config.train_dataloader.batch_size = 1
    config.experiment_name += '_smaller'
    lines, _ = train(config, share=0.5)
    assert found(r'\[(review.*?)\]', lines) == ['review 2/2'] * 4
    assert found(r'eta: (\S+)', lines) == ['0:06:00', '0:04:00', '0:02:00', '0:00:00']


def check_phases(lines: list[str]) -> None:
    phases = found(r'\)\s+\[\d\]\[[12]/2\]  \[(.*?)\]  lr: ', lines)
    memorize = [f'memorize M{i}, next review ' for i in (1, 2, 3)]
    expected = [f'{m}1/2' for m in memorize] + ['review 1/2']
    expected += [f'{m}2/2' for m in memorize] + ['review 2/2']
    assert phases == [phase for phase in expected for _ in range(2)]


def check_eta(lines: list[str]) -> None:
    seconds = []
    for done in range(1, 17):
        reviews = [(i // 2) % 4 == 3 for i in range(done, 16)]
        # Before the first review is seen it is taken to last 1 + 3 / 4 as long.
        review = 240 if done > 6 else 60 * 1.75
        seconds.append(sum(review if kind else 60 for kind in reviews))
    clocks = [map(int, text.split(':')) for text in found(r'eta: (\S+)', lines)]
    assert [3600 * h + 60 * m + s for h, m, s in clocks] == seconds


def check_nothing_stale(line: str, record: dict) -> None:
    review = '[review' in line
    assert ('loss_review' in line) == ('loss_review' in record) == review
    terms = [v for k, v in record.items() if k.startswith('loss_')]
    # Means of other windows than the terms' would not add up.
    assert record['loss'] == pytest.approx(sum(terms), rel=1e-5)
    assert record['time'] == (240 if review else 60)


def test_phases_of_a_loop_over_iterations(tmp_path, data):
    config = run_config(tmp_path, data, interval=3, num_slots=1, by_epoch=False)
    config.train_cfg = dict(by_epoch=False, max_iters=9)
    config.train_dataloader.sampler = dict(type='InfiniteSampler')
    config.log_processor = dict(by_epoch=False)
    lines, _ = train(config)
    assert found(r'\)\s+\[\d/9\]  \[(.*?)\]  ', lines) == [
        'memorize M1, next review 1/1',
        'general, next review 1/1',
        'general, next review 1/1',
        'review 1/1',
        'general, reviews done 1/1',
        'general, reviews done 1/1',
        'memorize M1, reviews done 1/1',
        'general, reviews done 1/1',
        'general, reviews done 1/1',
    ]


def test_settings_of_the_hosts_processor_stay():
    host = LogProcessor(window_size=7, by_epoch=False, num_digits=2)
    assert vars(TSKDLogProcessor.like(host)) == vars(host)


class OwnProcessor(LogProcessor):
    """A user's."""


def test_a_processor_of_the_users_own_stays(tmp_path, data):
    config = run_config(tmp_path, data, epochs=2, num_slots=1, interval=1)
    runner = Runner.from_cfg(config)
    runner.log_processor = OwnProcessor()
    runner.train()
    assert type(runner.log_processor) is OwnProcessor


def test_times_apart():
    times = PhaseTimes(num_slots=3)
    assert times.left(10, 10) == 0
    times.add(1.0, review=False)
    times.add(3.0, review=False)
    # A review adds 3 forward passes to 4.
    assert times.left(10, 4) == 10 * 2 + 4 * 2 * 7 / 4
    times.add(5.0, review=True)
    assert times.left(10, 4) == 10 * 2 + 4 * 5


def test_times_of_a_run_that_goes_on_in_a_review():
    times = PhaseTimes(num_slots=4)
    times.add(6.0, review=True)
    assert times.left(1, 1) == 3 + 6
