"""The benchmark's figures as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..text_tables import Rows, screen_table


def report(results: Mapping[str, Any]) -> str:
    """Settings and tables of what the benchmark measured."""
    settings = '\n'.join(f'{k}: {v}' for k, v in results['settings'].items())
    held = _megabytes(results['held_bytes'])
    tables: list[Rows] = [
        [*_steps(results)],
        [('ratio', ''), *((k, f'{v:.3f}') for k, v in results['ratios'].items())],
        [('MB that stay', ''), *((k, f'{v:.1f}') for k, v in held.items())],
        [
            *_pairs(
                'checkpoint', 'MB', results, 'checkpoint_seconds', 'checkpoint_bytes'
            )
        ],
        [
            *_pairs(
                'testing', 'peak MB', results, 'testing_seconds', 'testing_peak_bytes'
            )
        ],
    ]
    return '\n\n'.join([settings, *map(screen_table, tables)])


def _steps(results: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    seconds, peak = results['seconds'], _megabytes(results['peak_bytes'])
    yield 'step', 'seconds', 'of student', 'GFLOP', 'operators', 'peak MB'
    for name, value in seconds.items():
        share = f'{value / seconds["student"]:.3f}'
        operations = f'{results["operations"][name] / 1e9:.2f}'
        most = f'{peak[name]:.0f}' if name in peak else ''
        count = str(results['operators'][name])
        yield name, f'{value:.4f}', share, operations, count, most


def _pairs(
    title: str, unit: str, results: Mapping[str, Any], seconds: str, size: str
) -> Iterator[tuple[str, ...]]:
    yield title, 'seconds', unit
    for name, value in results[seconds].items():
        yield name, f'{value:.4f}', f'{results[size][name] / 1e6:.1f}'


def _megabytes(sizes: Mapping[str, int]) -> dict[str, float]:
    return {name: size / 1e6 for name, size in sizes.items()}
