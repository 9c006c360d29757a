"""Blocks of text in the docs have the form that the code prints."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from doc_blocks import ROOT, all_blocks, block
from mmengine.registry import HOOKS, MODELS
from runs import train
from study_rows import row
from toys import run_config, with_validation

from tools import check
from tskd_mm.apis.comparison.report import report
from tskd_mm.apis.comparison.study import Study
from tskd_mm.models import TSKDDistiller

pytestmark = [pytest.mark.docs, pytest.mark.usefixtures('no_scope')]
PANELS = [('README.md', 'From clone to a result')]
PANELS += [('get_started.md', '4. Check, train, test')]
COMPARED = ('choosing.md', 'Does it help on my data?')
# What stands for numbers, and for paths of files.
NUMBER, FILE = re.compile(r'\d[\d.:]*(e[+-]\d+)?'), re.compile(r'\S*/\S+\.(py|pth)')
FRAGMENTS = [
    b for b in all_blocks('text') if re.match(r'(model|factors|custom_hooks)', b.text)
]


def shape(line: str) -> str:
    """A line without its numbers, paths and runs of spaces."""
    return ' '.join(NUMBER.sub('0', FILE.sub('FILE', line)).split())


@pytest.fixture
def panel(tmp_path, data, monkeypatch, capsys) -> list[str]:
    """What ``check.py`` prints for a run like that of the demo."""
    config = with_validation(run_config(tmp_path, data, epochs=16)).to_dict()
    model = config.pop('model')
    model['student']['backbone']['frozen_stages'] = -1
    teacher = tmp_path / 'teacher.pth'
    weights = MODELS.build({'_scope_': 'mmdet', **model['teacher']}).state_dict()
    torch.save({'state_dict': weights}, teacher)
    model['teacher_checkpoint'] = str(teacher)
    base = ROOT / 'configs' / '_base_' / 'tskd_fpn.py'
    lines = [f'_base_ = {str(base)!r}', "custom_imports = dict(imports=['tskd_mm'])"]
    lines += [f'{name} = {value!r}' for name, value in config.items()]
    lines += [f'model = {{**_base_.tskd, **{model!r}}}']
    (tmp_path / 'config.py').write_text('\n'.join(lines))
    monkeypatch.setattr('sys.argv', ['check.py', str(tmp_path / 'config.py')])
    check.main()
    return capsys.readouterr().out.splitlines()


def test_the_panels_are_those_of_the_check(panel):
    short, whole = (block(*place, 'text').splitlines() for place in PANELS)
    assert [line for line in short if line not in whole] == []
    printed = [shape(line) for line in panel]
    assert [line for line in whole if shape(line) not in printed] == []
    for line in whole:
        if 'from epoch' in line or '123R' in line:
            assert line in panel


def test_the_line_of_the_log_is_printed_so(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4)
    config.optim_wrapper.clip_grad = dict(max_norm=35)
    config.log_level = 'INFO'
    train(config)
    [file] = Path(config.work_dir).glob('*/*.log')
    lines = [x for x in file.read_text().splitlines() if 'Epoch(train)' in x]
    printed = lines[-1].partition('INFO - ')[2]
    shown = block('reading_the_log.md', 'Reading the log', 'text').splitlines()
    assert shape(printed) == shape('  '.join(shown))


def test_the_report_is_that_of_its_numbers():
    """From the two seeds that the page's means and intervals stand for."""
    last = dict(none=(30.2, 23.0), static=(30.2, 36.2), tskd=(27.0, 36.6))
    best = last | dict(none=(30.2, 26.8))
    costs = dict(none=100.0, static=141.0, tskd=403.0)
    results = {
        name: {
            seed: row(name, seed, value, best=high, cpu_seconds=costs[name])
            for seed, (value, high) in enumerate(zip(values, best[name], strict=True))
        }
        for name, values in last.items()
    }
    pairs = ('static', 'none'), ('tskd', 'none'), ('tskd', 'static')
    methods = {name: (Path(), ()) for name in last}
    study = Study('toy', Path(), 'acc', methods, (0, 1), pairs)
    printed = report(study, results, (0, 1)).splitlines()
    shown = [x for x in block(*COMPARED, 'text').splitlines() if x]
    assert [line for line in printed if line in shown] == shown


def names_of(text: str) -> dict:
    """Values of a fragment of a config, in which dots stand for the rest."""

    def without_dots(*dots: object, **values: object) -> dict:
        assert set(dots) <= {...}
        return values

    base = SimpleNamespace(model={}, get=lambda name, default: default)
    names: dict = {'dict': without_dots, '_base_': base}
    exec(text, names)
    return names


@pytest.mark.parametrize('found', FRAGMENTS, ids=lambda b: f'{b.page}: {b.heading}')
def test_a_fragment_of_a_config_can_be_built(found):
    names = names_of(found.text)
    known = inspect.signature(TSKDDistiller).parameters
    model = names.get('model', {})
    assert {*model} - {'type'} <= {*known}
    for kind in ('feature_losses', 'head_losses'):
        for loss in model.get(kind, {}).values():
            assert MODELS.build(loss)
    if 'factors' in names:
        HOOKS.build(dict(type='LossWeightHook', factors=names['factors']))
    for hook in names.get('custom_hooks', []):
        assert HOOKS.build(hook)
