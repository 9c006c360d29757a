"""The pages of results say what the table of trainings says."""

import os

import pytest
from doc_blocks import ROOT

from tools.study.read_study import read_study
from tskd_mm.apis.comparison.interval import interval
from tskd_mm.apis.comparison.report import report, summary
from tskd_mm.apis.comparison.results import paired, results_of
from tskd_mm.apis.comparison.table import find_rows, read_table
from tskd_mm.host_versions import installed_stack

os.environ.pop('TSKD_DATA', None)  # the configs read it; trainings name no folder
PAGES = [ROOT / 'docs' / name for name in ('results.md', 'appendix/studies.md')]
PAGE = '\n'.join(page.read_text() for page in PAGES)
ROWS = read_table(ROOT / 'docs' / 'results' / 'runs.csv')
STUDIES = [
    read_study(ROOT / 'configs' / 'study' / f'{name}.py')
    for name in (
        'person',
        'person_losses_screen',
        'person_shares',
        'person_default',
        'person_long',
        'person_heads_screen',
        'person_heads',
        'person_yolox',
        'digits',
        'digits_heads_screen',
        'digits_heads',
        'digits_heads_share',
        'cifar10_default',
        'cifar10_losses_screen',
        'cifar10_shares',
        'cifar10_resnet20_default',
        'cifar10_levers',
        'cifar10_resnet8',
        'cifar10_resnet20',
        'cifar10_review',
        'cifar10_weight',
        'history',
    )
]
# Alone, the default static loss, and that with the review.
OPENING = {
    'person_default': ('none', 'pkd', 'pkd_review'),
    'digits': ('none', 'pkd', 'pkd_tskd'),
    'cifar10_default': ('none', 'pkd', 'pkd_review'),
    'cifar10_resnet20_default': ('none', 'pkd', 'pkd_review'),
}
# The stacks' own base configs differ, and the trainings were of this one.
pytestmark = pytest.mark.skipif(
    installed_stack() != 'upstream', reason='the table is of the upstream stack'
)


@pytest.mark.parametrize('study', STUDIES, ids=lambda study: study.name)
def test_the_pages_have_the_tables_of_its_runs(study):
    """Those of a study with results, word for word; else that there are none."""
    results = results_of(find_rows(ROWS, study.trials(), study.metric))
    if not any(row.study == study.name for row in ROWS):
        assert f'`{study.name}`: nothing has been run to its end yet.' in PAGE
        return
    _, done, *parts = report(study, results, study.seeds).split('\n\n')
    assert done in PAGE
    for part in (part for part in parts if part.startswith(('|', '- '))):
        assert part in PAGE  # tables, and a sentence for each comparison


def test_every_row_is_of_a_shipped_config():
    found = {
        (row.fingerprint, row.seed)
        for study in STUDIES
        for row in find_rows(ROWS, study.trials(), study.metric).values()
    }
    assert [r for r in ROWS if (r.fingerprint, r.seed) not in found] == []


@pytest.mark.parametrize('name', OPENING)
def test_the_opening_table_is_of_the_runs(name):
    """Mean alone and distilled, the difference with its interval, and the cost."""
    [study] = [study for study in STUDIES if study.name == name]
    results = results_of(find_rows(ROWS, study.trials(), study.metric))
    rows = {row[0]: row for row in summary(study, results)}
    alone, *distilled = OPENING[name]
    for method in distilled:
        found = paired(results, method, alone, 'last')
        if found.mean is None or found.half is None:
            continue  # of one seed nothing can be said
        mean, half = (study.times * value for value in (found.mean, found.half))
        cells = [
            f'{len(results[method])}',
            *(rows[of][2].split()[0] for of in (alone, method)),
            f'{mean:+.2f}',
            f'{mean - half:+.2f} to {mean + half:+.2f}',
            rows[method][4],
        ]
        assert f' | {" | ".join(cells)} |' in PAGES[0].read_text()


def test_the_pooled_review_of_the_persons():
    """Two studies of the same detector, ten seeds; said as not planned."""
    last = {(row.study, row.method, row.seed): row.last for row in ROWS}
    reviews = [('person', 'pkd_tskd', seed) for seed in range(5)]
    reviews += [('person_default', 'pkd_review', seed) for seed in range(20, 25)]
    differences = [
        100 * (last[study, review, seed] - last[study, 'pkd', seed])
        for study, review, seed in reviews
    ]
    assert sum(difference < 0 for difference in differences) == 8
    found = interval(differences)
    assert found.mean is not None and found.half is not None
    low, high = found.mean - found.half, found.mean + found.half
    text = f'{found.mean:.2f} AP ({low:.2f} to {high:.2f})'.replace(
        '-', '\N{MINUS SIGN}'
    )
    assert text in ' '.join(PAGES[1].read_text().split())
