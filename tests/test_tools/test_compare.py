"""From one config of a user to a table, and on after an interruption."""

import re
import sys
from pathlib import Path

import cv2
import pytest
from doc_blocks import ROOT
from mmengine.config import Config
from toys import run_tool
from user_files import user_classifier

from tools import compare
from tskd_mm.apis import training_process
from tskd_mm.apis.comparison import command

CONFIG = """\
_base_ = 'my_classifier.py'

custom_imports = dict(imports=['tskd_mm', 'kill_once'], allow_failed_imports=False)
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='my_classifier.py',
    teacher_checkpoint=None,
    student_taps=['backbone.layer1', 'backbone.layer2'],
    review={review},
)
custom_hooks = {hooks}
"""
REVIEWS = "[dict(type='TSKDMemoryHook', interval=1)]"

# Stands in for tools/train.py: accuracies of each arm and seed.
TOOL = """
import json, os, sys
config, _, folder, _, seed = sys.argv[1:]
arm, seed = os.path.basename(config)[:-3], int(seed.removeprefix('randomness.seed='))
rise = dict(none=[0, 0, 0], static=[4, 5, 4.5], tskd=[5, 4, 5], pkd=[-9, -8, -9])
if os.path.exists('broken') and arm == 'pkd':
    sys.exit('no such luck')
os.makedirs(folder + '/1/vis_data')
train = dict(lr=1, loss=1.0, time=2.0 + (arm != 'none'), epoch=1, iter=4, step=4)
val = {'accuracy/top1': 50 + seed + rise[arm][seed], 'accuracy/top5': 99, 'step': 1}
with open(folder + '/1/vis_data/scalars.json', 'w') as file:
    file.writelines(json.dumps(record) + '\\n' for record in [train, val])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The user's, with ``my_tskd.py``."""
    user_classifier(tmp_path)
    text = CONFIG.format(review={}, hooks=REVIEWS)
    (tmp_path / 'my_tskd.py').write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch, no_scope):
    """Calls the tool, whose trainings are short scripts."""
    (folder / 'tool.py').write_text(TOOL)
    monkeypatch.setattr(compare, 'TRAIN', folder / 'tool.py')
    monkeypatch.setattr(command.signal, 'signal', lambda *_: None)
    monkeypatch.setattr(training_process, 'POLL', 0.02)

    def call(*words: str) -> None:
        monkeypatch.setattr(sys, 'argv', ['compare.py', 'my_tskd.py', *words])
        compare.main()

    return call


PKD = "model.feature_losses=dict(_delete_=True, pkd=dict(type='PKDLoss'))"
# Deviations: of 4, 5 and 4.5 0.5, of 5, 4 and 5 0.57735, of 1, -1 and 0.5 1.040833;
# t(0.975, 2) is 4.302653. With 36 seeds (2.030108 + 0.852012) 1.040833 / 6 <= 0.5.
TABLE = """\
# my_tskd

9 of 9 trainings are done.

- static helps: +4.50, +3.26 to +5.74
- tskd helps: +4.67, +3.23 to +6.10
- tskd is not significantly different from static: +0.17, -2.42 to +2.75; about 36 \
seeds are needed to see 0.5

| method | seeds | last | best | cost |
| --- | --: | --: | --: | --: |
| none | 3 | 51.00 ± 1.00 | 51.00 ± 1.00 | 1.00x |
| static | 3 | 55.50 ± 1.32 | 55.50 ± 1.32 | 1.50x |
| tskd | 3 | 55.67 ± 1.15 | 55.67 ± 1.15 | 1.50x |

Last and best: `accuracy/top1`, mean ± standard deviation over seeds. Best is chosen \
on the images it is reported for. Cost: time in training iterations, on the clock, \
relative to none.

| difference | seeds | last | 95 % interval | best | 95 % interval |
| --- | --: | --: | --: | --: | --: |
| static - none | 3 | +4.50 | +3.26 to +5.74 | +4.50 | +3.26 to +5.74 |
| tskd - none | 3 | +4.67 | +3.23 to +6.10 | +4.67 | +3.23 to +6.10 |
| tskd - static | 3 | +0.17 | -2.42 to +2.75 | +0.17 | -2.42 to +2.75 |
"""


def test_the_table_by_value(run, folder, capsys):
    run()
    said = capsys.readouterr().out
    out = folder / 'work_dirs' / 'compare'
    assert TABLE in said
    assert said.endswith(f'written to {out}/my_tskd.md\n')
    assert TABLE in (out / 'my_tskd.md').read_text()
    assert cv2.imread(str(out / 'my_tskd.png')).std() > 10


def test_one_more_arm_trains_that_arm_alone(run, folder, capsys):
    run('--seeds', '2')
    (folder / 'broken').touch()
    message = 'failed: pkd seed 0, pkd seed 1; the same command tries again'
    words = '--seeds', '2', '--jobs', '2', '--arm', 'pkd', PKD
    with pytest.raises(SystemExit, match=f'^{message}$'):
        run(*words)
    said = capsys.readouterr().out
    assert '6 trainings known, 2 to do' in said
    assert said.endswith(f'written to {folder}/work_dirs/compare/my_tskd.md\n')
    (folder / 'broken').unlink()
    run(*words)
    said = capsys.readouterr().out
    assert '6 trainings known, 2 to do' in said
    # Of 50 - 9 and 51 - 8 the halves are t(0.975, 1) / 2 = 6.353, and of -14 and -12
    # twice that.
    assert '- pkd harms: -8.50, -14.85 to -2.15\n' in said
    assert '- pkd is worse than tskd: -13.00, -25.71 to -0.29\n' in said


def test_a_short_training_has_its_review(run, folder, capsys):
    hooks = "[dict(type='TSKDMemoryHook', interval=5)]"
    (folder / 'my_tskd.py').write_text(CONFIG.format(review={}, hooks=hooks))
    run('--seeds', '1', '--epochs', '4')
    assert capsys.readouterr().out.startswith(
        '4 epochs instead of 100, schedules in proportion; TSKDMemoryHook: interval 1 '
        'instead of 5\n'
    )
    configs = folder / 'work_dirs' / 'compare' / 'my_tskd' / 'configs'
    config = Config.fromfile(configs / 'tskd.py')
    assert config.custom_hooks == [dict(type='TSKDMemoryHook', interval=1)]


def test_another_metric_trains_nothing_that_resumes_at_its_end(run, folder, capsys):
    run('--seeds', '1')
    message = (
        "none seed 0 has no validation metric 'mAP', but accuracy/top1, accuracy/top5: "
        'choose from these'
    )
    with pytest.raises(SystemExit, match=f'^{re.escape(message)}$'):
        run('--seeds', '1', '--metric', 'mAP')
    run('--seeds', '1', '--metric', 'accuracy/top5')
    assert '| tskd | 1 | 99.00 | 99.00 | 1.50x |' in capsys.readouterr().out


@pytest.mark.parametrize(
    'words, message',
    [
        (
            ['--arm', 'model.review=None'],
            '--arm must be a name and changes, but got model.review=None: write --arm '
            'NAME KEY=VALUE',
        ),
        (
            ['--arm', 'tskd', 'model.review=None'],
            '--arm tskd: the name is in use; choose another',
        ),
        (
            ['--arm', 'plain', 'model.teacher=my_classifier.py'],
            'arm plain: model.teacher=my_classifier.py changes nothing: choose another '
            'value, or leave it out',
        ),
    ],
)
def test_refused_before_any_training(run, folder, words, message):
    with pytest.raises(SystemExit, match=f'^{re.escape(message)}$'):
        run(*words)
    assert not (folder / 'work_dirs').exists()


@pytest.mark.parametrize('words', [['--seeds', '0'], ['--resolve', '-1']])
def test_numbers_that_are_not_positive(run, words, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    assert f'argument {words[0]}: must be above 0, but got' in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_training_is_resumed(folder):
    """Real trainings: the student alone dies after its third epoch, and goes on."""
    hooks = "[dict(type='KillOnce', epoch=3, mark='killed'), dict(type='{}')]"
    text = CONFIG.format(review=None, hooks=hooks.format('DistillationHook'))
    (folder / 'my_tskd.py').write_text(text)
    words = str(ROOT / 'tools' / 'compare.py'), 'my_tskd.py'
    words += '--seeds', '1', '--epochs', '4'
    helpers = {'PYTHONPATH': f'{ROOT}:{ROOT / "tests" / "helpers"}'}
    with pytest.raises(
        RuntimeError, match='failed: none seed 0; the same command tries'
    ):
        run_tool(folder, *words, **helpers)
    said = run_tool(folder, *words, **helpers)
    assert '1 trainings known, 1 to do' in said
    assert '2 of 2 trainings are done.' in said
    [log] = (folder / 'work_dirs' / 'compare').glob('my_tskd/none/*/train.log')
    assert 'resumed epoch: 3' in log.read_text()
    assert re.search(r'^\| none \| 1 \| [\d.]+ \| [\d.]+ \| 1.00x \|$', said, re.M)
