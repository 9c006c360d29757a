"""Draws gain.png from the table of trainings: python docs/figures/gain.py"""

import csv
from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure

DOCS = Path(__file__).resolve().parents[1]
METHODS = {
    'none': 'student alone',
    'pkd': 'PKD alone',
    'pkd_review': 'PKD and the review',
}


def main() -> None:
    with (DOCS / 'results' / 'runs.csv').open() as file:
        rows = [row for row in csv.DictReader(file) if row['study'] == 'person_default']
    figure = Figure(figsize=(6.4, 1.9), layout='constrained')
    axes = figure.subplots()
    for height, method in enumerate(METHODS):
        values = [100 * float(r['last']) for r in rows if r['method'] == method]
        axes.plot(values, [height] * len(values), 'o', mfc='none', color='0.35')
        axes.plot(mean(values), height, '|', ms=22, mew=3, color=f'C{height}')
        label = f'{mean(values):.1f}'
        axes.annotate(label, (mean(values), height - 0.33), ha='center', size=9)
    axes.set_yticks(range(len(METHODS)), METHODS.values())
    axes.set_ylim(len(METHODS) - 0.5, -0.7)
    axes.set_xlim(0, 12)
    axes.set_xlabel('box AP of persons, five seeds (bar: mean)')
    axes.grid(axis='x', alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(Path(__file__).with_suffix('.png'), dpi=120)


if __name__ == '__main__':
    main()
