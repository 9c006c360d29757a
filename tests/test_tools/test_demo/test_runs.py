"""Trainings of the demo: run once, alike but for the distillation."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from tools.demo import runs
from tools.demo.runs import Run, make_runs, train
from tskd_mm.apis import training_process
from tskd_mm.apis.read_config import memory_hook_of

SCRIPT = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
if sys.argv[2] == 'fail':
    sys.exit('no such luck')
(folder / '1' / 'vis_data').mkdir(parents=True)
record = dict(lr=1, loss=1.0, time=1.0, epoch=1, iter=4, step=4)
(folder / '1' / 'vis_data' / 'scalars.json').write_text(json.dumps(record) + '\\n')
(folder / 'epoch_1.pth').write_text(sys.argv[2])
"""


class FakeRun(Run):
    """A run whose training is a short script."""

    words = 'first'
    epochs = 1

    def train_command(self) -> list[str]:
        return ['-c', SCRIPT, str(self.work_dir), self.words]

    def fingerprint(self, data: str) -> str:
        return f'{self.config} {data}'


@pytest.fixture
def run(tmp_path, monkeypatch) -> FakeRun:
    monkeypatch.setattr(training_process, 'POLL', 0.02)
    monkeypatch.setattr(FakeRun, 'words', 'first')
    return FakeRun('student', 'student alone', 'c.py', tmp_path / 'student')


def test_trains_once(run, capsys):
    train([run], 'data')
    assert run.checkpoint.read_text() == 'first'
    assert re.fullmatch(r'  student alone +done in \d+:\d\d\n', capsys.readouterr().out)
    FakeRun.words = 'second'
    train([run], 'data')
    assert run.checkpoint.read_text() == 'first'
    said = capsys.readouterr().out
    assert said == '  student alone        reused, config and data are unchanged\n'


@pytest.mark.parametrize('config, data', [('c.py', 'other'), ('other.py', 'data')])
def test_trains_again_after_a_change(run, config, data):
    train([run], 'data')
    FakeRun.words = 'second'
    changed = FakeRun(run.name, run.method, config, run.work_dir)
    train([changed], data)
    assert changed.checkpoint.read_text() == 'second'


def test_trains_again_after_an_interruption(run):
    train([run], 'data')
    (run.work_dir / 'run.json').unlink()  # written at the end
    FakeRun.words = 'second'
    train([run], 'data')
    assert run.checkpoint.read_text() == 'second'


def test_failure_shows_the_log_and_its_path(run):
    FakeRun.words = 'fail'
    log = run.work_dir / 'train.log'
    message = (
        f'no such luck\n\nthe training of student alone failed; the whole log is {log}'
    )
    with pytest.raises(SystemExit) as caught:
        train([run], 'data')
    assert caught.value.code == message


@pytest.fixture(scope='module')
def demo_runs_as_shipped() -> list[Run]:
    return make_runs(Path('out'))


def test_students_are_one_student(demo_runs_as_shipped):
    """Nothing but the distillation differs."""
    _, alone, static, tskd = (run.content for run in demo_runs_as_shipped)
    assert static.model.student == tskd.model.student == alone.model
    assert static.model == {**tskd.model, 'review': None}
    assert [hook.type for hook in static.custom_hooks] == ['DistillationHook']
    hooks = [hook.type for hook in tskd.custom_hooks]
    assert hooks == ['TSKDMemoryHook', 'TSKDVisualizationHook']
    shared = ['train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler']
    for name in [*shared, 'randomness', 'val_evaluator']:
        assert static[name] == tskd[name] == alone[name]


def test_tskd_reviews_several_times(demo_runs_as_shipped):
    run = demo_runs_as_shipped[-1]
    hook = memory_hook_of(run.content)
    assert hook.by_epoch
    reviews = hook.schedule.review_spans(run.epochs)
    assert reviews == [(3, 4), (7, 8), (11, 12), (15, 16)]


def test_teacher_is_the_demos_own(demo_runs_as_shipped):
    for run in demo_runs_as_shipped[2:]:
        assert run.content.model.teacher_checkpoint == 'out/teacher/epoch_16.pth'


def test_the_folder_may_have_spaces_and_commas(tmp_path, monkeypatch):
    started: list = []
    monkeypatch.setattr(runs, 'run_trainings', lambda these, *_: started.extend(these))
    (tmp_path / 'work, dirs').mkdir()
    teacher, _, static, _ = make_runs(tmp_path / 'work, dirs')
    train([teacher, static], 'data')
    configs = [Config.fromfile(runs.ROOT / one.command[1]) for one in started]
    assert configs[0].to_dict() == teacher.content.to_dict()
    assert configs[1].to_dict() == static.content.to_dict()
    path = f'{tmp_path}/work, dirs/teacher/epoch_16.pth'
    assert configs[1].model.teacher_checkpoint == path


def test_fingerprint_follows_config_data_and_teacher(demo_runs_as_shipped):
    teacher, _, static, _ = demo_runs_as_shipped
    marks = {run.fingerprint('data') for run in demo_runs_as_shipped}
    assert len(marks) == 4
    mark = static.fingerprint('data')
    assert mark == static.fingerprint('data')
    assert mark != static.fingerprint('other data')
    teacher.content.model.backbone.depth = 34
    assert static.fingerprint('data') != mark
    teacher.content.model.backbone.depth = 18
