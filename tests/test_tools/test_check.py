"""The check goes as far as a training's first steps, and leaves nothing."""

import re

import pytest
from mmengine.config import ConfigDict
from mmengine.runner import EpochBasedTrainLoop
from toys import run_config, tiny_retinanet, with_validation

from tools import check

LABELS = 'student', 'teacher', 'levels', 'losses', 'schedule', 'preflight'


@pytest.fixture
def run(tmp_path, data, monkeypatch):
    """Calls the tool with a config."""

    def call(config: ConfigDict, *options: str) -> None:
        (tmp_path / 'config.py').write_text(
            "custom_imports = dict(imports=['tskd_mm', 'toys'])\n"
            + ''.join(f'{name} = {value!r}\n' for name, value in config.items())
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr('sys.argv', ['check.py', 'config.py', *options])
        check.main()

    return call


def labels(panel: str) -> tuple[str, ...]:
    return tuple(re.findall(r'^  ([a-z]+(?: [a-z]+)?)  ', panel, re.M))


def test_prints_the_panel_and_the_first_steps(run, tmp_path, data, capsys, monkeypatch):
    def train(loop: EpochBasedTrainLoop) -> None:
        raise RuntimeError('the check must not train')

    monkeypatch.setattr(EpochBasedTrainLoop, 'run_epoch', train)
    config = with_validation(run_config(tmp_path, data, epochs=4)).to_dict()
    run(config, '--cfg-options', 'train_cfg.max_epochs=8')
    shown = capsys.readouterr()
    assert labels(shown.out) == (*LABELS, 'first step', 'time', 'memory')
    lines = shown.out.splitlines()
    assert lines[0].startswith('  student     RetinaNet, ')
    assert '  schedule    123R123R' in lines
    assert 'WARNING: the teacher seems to know nothing' in shown.err
    assert {path.name for path in tmp_path.iterdir()} == {'images', 'config.py'}


def test_warns_of_lost_hooks_and_merged_losses(run, tmp_path, data, capsys):
    config = run_config(tmp_path, data, epochs=4).to_dict()
    host = dict(model=config['model']['student'], custom_hooks=[dict(type='EMAHook')])
    pkd, cwd = (
        dict(feature_losses={k: {'type': f'{k.upper()}Loss'}}) for k in ('pkd', 'cwd')
    )
    config['model'] |= dict(_delete_=True, **pkd)
    for name, content in ('host', host), ('recipe', dict(_base_='host.py') | config):
        text = ''.join(f'{key} = {value!r}\n' for key, value in content.items())
        (tmp_path / f'{name}.py').write_text(text)
    run(dict(_base_='recipe.py', model=cwd))
    shown = capsys.readouterr()
    lines = [line.split('  ')[-1].strip() for line in shown.out.splitlines()]
    assert 'pkd: PKDLoss, weight 10 (recipe.py)' in lines
    assert 'cwd: CWDLoss, weight 10 (config.py)' in lines
    assert 'lost: EMAHook of host.py' in lines
    warnings = ' '.join(shown.err.split())
    assert 'WARNING: hooks lost: EMAHook of host.py, because' in warnings
    assert 'WARNING: feature_losses of several configs act together, pkd' in warnings


def test_warns_of_a_teacher_without_weights(run, tmp_path, data, capsys):
    run(run_config(tmp_path, data, epochs=4).to_dict())
    warnings = ' '.join(capsys.readouterr().err.split())
    assert (
        'WARNING: teacher_checkpoint is None: the teacher a RetinaNet config dict '
        'keeps its initial weights and has nothing to teach unless'
    ) in warnings


def test_a_first_step_that_fails_comes_after_the_panel(run, tmp_path, data, capsys):
    config = run_config(tmp_path, data, epochs=4).to_dict()
    options = 'model.student.bbox_head.loss_bbox.loss_weight=1e39'  # no float32
    with pytest.raises(SystemExit, match='^loss_bbox is inf for the images '):
        run(config, '--cfg-options', options)
    assert labels(capsys.readouterr().out) == LABELS


def test_nothing_to_check(run, tmp_path, data):
    config = run_config(tmp_path, data).to_dict()
    config.update(model=tiny_retinanet().to_dict(), custom_hooks=[])
    message = (
        'the config has no distillation to check: add TSKDMemoryHook, or '
        'DistillationHook, to its custom_hooks'
    )
    with pytest.raises(SystemExit, match=f'^{message}$'):
        run(config)


def test_no_net(run, tmp_path, data, monkeypatch):
    def download(*arguments: object, **more: object) -> None:
        raise ConnectionError('the teacher cannot be downloaded')

    monkeypatch.setattr(check, 'preflight', download)
    with pytest.raises(SystemExit, match='^the teacher cannot be downloaded$'):
        run(run_config(tmp_path, data, epochs=4).to_dict())
