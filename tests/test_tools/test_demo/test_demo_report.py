import pytest

from tools.demo.report import Result, table_rows, write_report
from tskd_mm.apis.text_tables import markdown_table

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
    assert markdown_table(ROWS) in text
    assert '![Curves](curves.png)' in text
    assert '- train images: 640\n' in text
    assert '- seed of the trainings: 7\n' in text
    assert 'mmdet 3.' in text
    assert '```\npython a.py\npython b.py\n```' in text
    assert 'One seed and a small synthetic set of real digits, not COCO val' in text
