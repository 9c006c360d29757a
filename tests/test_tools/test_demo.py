import json
import os
import re
import sys
from pathlib import Path

import demo_runs
import pytest
from demo_report import Result, markdown_table, table_rows, text_table, write_report
from demo_runs import Run, train
from demo_screen import clock, progress, stop_with_log

RESULTS = [
    Result('teacher', 1_762_640, 0.512, 0.75, 0.52, 200.0),
    Result('student alone', 448_772, 0.3004, 0.5, 0.31, 80.0, reference=True),
    Result('TSKD', 448_772, 0.25, 0.4, 0.305, 119.7),
]
ROWS = [
    ('method', 'params', 'AP', 'AP50', 'best AP', 'training', 'cost'),
    ('teacher', '1763 k', '51.2', '75.0', '52.0', '3:20', '2.50x'),
    ('student alone', '449 k', '30.0', '50.0', '31.0', '1:20', '1.00x'),
    ('TSKD', '449 k', '25.0', '40.0', '30.5', '2:00', '1.50x'),
]


def test_rows_by_value():
    assert table_rows(RESULTS) == ROWS


def test_rows_keep_the_order_whoever_wins():
    names = [row[0] for row in table_rows(RESULTS[::-1])]
    assert names == ['method', 'TSKD', 'student alone', 'teacher']


@pytest.mark.parametrize('results, count', [(RESULTS[:1], 0), (RESULTS[1:2] * 2, 2)])
def test_cost_needs_one_reference(results, count):
    message = f'exactly one result must be the reference, but {count} are'
    with pytest.raises(ValueError, match=f'^{message}$'):
        table_rows(results)


def test_text_table():
    assert text_table(RESULTS).splitlines() == [
        'method         params    AP  AP50  best AP  training   cost',
        '-----------------------------------------------------------',
        'teacher        1763 k  51.2  75.0     52.0      3:20  2.50x',
        'student alone   449 k  30.0  50.0     31.0      1:20  1.00x',
        'TSKD            449 k  25.0  40.0     30.5      2:00  1.50x',
    ]


def test_markdown_table():
    assert markdown_table(RESULTS).splitlines()[:3] == [
        '| method | params | AP | AP50 | best AP | training | cost |',
        '| --- | --: | --: | --: | --: | --: | --: |',
        '| teacher | 1763 k | 51.2 | 75.0 | 52.0 | 3:20 | 2.50x |',
    ]


def test_report(tmp_path):
    path = tmp_path / 'report.md'
    write_report(
        path,
        RESULTS,
        data={'train images': 640},
        seed=7,
        commands=['python a.py', 'python b.py'],
        plots={'Curves': 'curves.png'},
    )
    text = path.read_text()
    assert markdown_table(RESULTS) in text
    assert '![Curves](curves.png)' in text
    assert '- train images: 640\n' in text
    assert '- seed of the trainings: 7\n' in text
    assert 'mmdet 3.' in text
    assert '```\npython a.py\npython b.py\n```' in text
    assert 'One seed and a small synthetic set of real digits, not COCO val' in text


@pytest.mark.parametrize(
    'seconds, text', [(0, '0:00'), (59.6, '1:00'), (75, '1:15'), (3661, '61:01')]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_progress(tmp_path):
    assert progress('TSKD', tmp_path, 4, 60) == 'TSKD starting'
    folder = tmp_path / '1' / 'vis_data'
    folder.mkdir(parents=True)
    records = [{'lr': 1, 'loss': 1.0, 'epoch': e, 'step': 5 * e} for e in (1, 2)]
    records.append({'coco/bbox_mAP': 0.1234, 'step': 2})
    lines = ''.join(json.dumps(record) + '\n' for record in records)
    (folder / 'scalars.json').write_text(lines)
    text = 'TSKD [####......] 2/5 AP 0.123, 1:30 left'  # 2 of 5 epochs took a minute
    assert progress('TSKD', tmp_path, 5, 60) == text
    (folder / 'scalars.json').write_text(lines + '{"coco/bb')  # being written
    assert progress('TSKD', tmp_path, 5, 60) == text


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
    monkeypatch.setattr(demo_runs, 'POLL', 0.02)
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
    record = run.work_dir / 'run.json'
    record.write_text(json.dumps({**json.loads(record.read_text()), 'finished': False}))
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


def test_only_the_end_of_a_long_log_is_shown(tmp_path):
    log = tmp_path / 'a.log'
    log.write_text('\n'.join(map(str, range(100))))
    with pytest.raises(SystemExit) as caught:
        stop_with_log('it', log)
    assert caught.value.code.splitlines()[0] == '75'


def test_foreign_folder_is_left_alone(run):
    run.work_dir.mkdir()
    (run.work_dir / 'thesis.tex').write_text('precious')
    message = (
        f'{run.work_dir} is in the way: it holds files, but no run.json of an earlier '
        'training; give another --out or move it away'
    )
    with pytest.raises(SystemExit, match=f'^{re.escape(message)}$'):
        train([run], 'data')
    assert (run.work_dir / 'thesis.tex').read_text() == 'precious'


@pytest.fixture(scope='module')
def demo_runs_as_shipped() -> list[Run]:
    from demo import make_runs

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
    from memory_hook import memory_hook

    run = demo_runs_as_shipped[-1]
    hook = memory_hook(run.content)
    assert hook.by_epoch
    assert hook.schedule.review_spans(run.epochs) == [
        (3, 4),
        (7, 8),
        (11, 12),
        (15, 16),
    ]


def test_teacher_is_the_demos_own(demo_runs_as_shipped):
    for run in demo_runs_as_shipped[2:]:
        assert run.content.model.teacher_checkpoint == 'out/teacher/epoch_16.pth'
        assert run.train_command()[-1].endswith('=out/teacher/epoch_16.pth')


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


def test_runs_with_this_python(run):
    process = demo_runs.start_python(
        ['-c', 'import sys; print(sys.executable)'], run.work_dir.parent / 'log'
    )
    assert process.wait() == 0
    found = (run.work_dir.parent / 'log').read_text().strip()
    assert os.path.samefile(found, sys.executable)
