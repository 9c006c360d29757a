"""The arithmetic of the report, by value."""

from pathlib import Path

import pytest
from study_rows import row

from tskd_mm.apis.comparison.interval import Interval
from tskd_mm.apis.comparison.report import differences, report, summary
from tskd_mm.apis.comparison.results import paired
from tskd_mm.apis.comparison.study import Study

RESULTS = {
    'none': {0: row('none', 0, 1.0), 1: row('none', 1, 3.0)},
    'kd': {
        1: row('kd', 1, 6.0, cpu_seconds=150.0),
        2: row('kd', 2, 50.0),
        0: row('kd', 0, 2.0, cpu_seconds=250.0),
    },
}
STUDY = Study(
    'toy',
    Path(),
    'acc',
    {name: (Path(name), ()) for name in ('none', 'kd', 'tskd')},
    (0, 1, 2),
    (('kd', 'none'), ('tskd', 'kd')),
    times=10,
)


def test_paired_by_seed():
    """Seeds 0 and 1: +1 and +3; seed 2 has no partner."""
    found = paired(RESULTS, 'kd', 'none', 'last')
    assert (found.count, found.mean) == (2, 2.0)
    assert found.half == pytest.approx(12.706205 * 2**0.5 / 2**0.5, rel=1e-6)
    assert paired(RESULTS, 'tskd', 'kd', 'last') == Interval(0, None, None)


def test_summary_by_value():
    assert summary(STUDY, RESULTS) == [
        ('method', 'seeds', 'last', 'best', 'cost'),
        ('none', '2', '20.00 ± 14.14', '30.00 ± 14.14', '1.00x'),
        ('kd', '3', '193.33 ± 266.33', '203.33 ± 266.33', '2.00x'),
        ('tskd', '0', '-', '-', '-'),
    ]


def test_differences_by_value():
    one_seed = {**RESULTS, 'tskd': {0: row('tskd', 0, 1.5)}}
    assert differences(STUDY, one_seed)[1:] == [
        (
            *('kd - none', '2'),
            *('+20.00', '-107.06 to +147.06'),
            *('+20.00', '-107.06 to +147.06'),
        ),
        ('tskd - kd', '1', '-5.00', '-', '-5.00', '-'),
    ]


def test_report_says_what_is_missing():
    text = report(STUDY, RESULTS, (0, 1))
    assert (
        '4 of 6 trainings are done; missing (method and seed): tskd 0, tskd 1.' in text
    )
    assert 'Last and best: `acc`, times 10, mean' in text


def test_report_says_what_is_of_other_versions():
    assert 'versions' not in report(STUDY, RESULTS, (0, 1))
    other = {**RESULTS, 'tskd': {0: row('tskd', 0, 1.5, versions='a=0 b=2')}}
    assert (
        'trainings are done (with packages of different versions: a=0 b=2; a=1 b=2);'
        in report(STUDY, other, (0, 1))
    )
