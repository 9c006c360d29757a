from pathlib import Path

from tskd_mm.apis.comparison.study import Study


def test_every_method_has_its_turn_before_the_next_seed():
    methods = {name: (Path(name), ()) for name in ('good', 'fail', 'other')}
    study = Study('toy', Path(), 'acc', methods, (0, 1), ())
    order = [str(trial) for trial in study.trials()]
    assert order == [
        *(f'{method} seed 0' for method in ('good', 'fail', 'other')),
        *(f'{method} seed 1' for method in ('good', 'fail', 'other')),
    ]
    assert [trial.seed for trial in study.trials([7])] == [7, 7, 7]
