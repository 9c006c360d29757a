"""Steps with and without ``compile`` take turns; making the graphs is timed apart."""

import pytest
from doc_blocks import ROOT

from tools.analysis_tools import compile_times
from tskd_mm.apis.benchmark.training_steps import TrainingSteps


def test_the_ratio_is_that_of_the_medians():
    first = {'general': 60.0, 'review': 90.06}
    eager = {'general, eager': 0.5, 'review, eager': 2.0}
    compiled = {'general, compiled': 0.4, 'review, compiled': 2.5}
    assert [
        line.split()
        for line in compile_times.report(first, eager | compiled).splitlines()[2:]
    ] == [
        ['general', '60.0', '0.500', '0.400', '0.800'],
        ['review', '90.1', '2.000', '2.500', '1.250'],
    ]


@pytest.mark.usefixtures('no_scope')
def test_only_one_of_both_is_compiled(monkeypatch, capsys):
    ran = []
    train = TrainingSteps.train

    def spy(steps: TrainingSteps, phase: str) -> None:
        train(steps, phase)
        ran.append((phase, steps.model.compiled.parts is not None))

    monkeypatch.setattr(TrainingSteps, 'train', spy)
    config = ROOT / 'configs' / 'tskd' / 'resnet56_to_resnet8_cifar10.py'
    words = [
        '--images',
        '2',
        '--repeats',
        '1',
        '--cfg-options',
        'compile.backend=eager',
    ]
    monkeypatch.setattr('sys.argv', ['x', str(config), *words])
    compile_times.main()
    first, turns = ran[:6], ran[6:]
    assert first == [('general', True)] * 3 + [('review', True)] * 3
    turn = [('general', False), ('general', True), ('review', False), ('review', True)]
    assert turns == turn * 2  # the first warms up
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[2:]] == ['general', 'review']
