"""The benchmark's figures as text."""

from collections.abc import Iterator, Mapping
from typing import Any


def report(results: Mapping[str, Any]) -> str:
    """Tables of what ``benchmark.measure`` returned."""
    return '\n'.join(
        [
            *_settings(results['settings']),
            '',
            *_steps(results),
            '',
            *_rows('ratio', results['ratios'], '{:.3f}'),
            '',
            *_rows('MB that stay', _megabytes(results['held_bytes']), '{:.1f}'),
            '',
            *_pairs('checkpoint', results, 'checkpoint_seconds', 'checkpoint_bytes'),
            '',
            *_pairs('testing', results, 'testing_seconds', 'testing_peak_bytes'),
        ]
    )


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        yield f'{name}: {value}'


def _steps(results: Mapping[str, Any]) -> Iterator[str]:
    seconds, peak = results['seconds'], _megabytes(results['peak_bytes'])
    student = seconds['student']
    yield _line('', 'seconds', 'of student', 'GFLOP', 'peak MB')
    for name, value in seconds.items():
        operations = results['operations'][name] / 1e9
        most = f'{peak[name]:.0f}' if name in peak else ''
        yield _line(
            name, f'{value:.4f}', f'{value / student:.3f}', f'{operations:.2f}', most
        )


def _pairs(
    title: str, results: Mapping[str, Any], seconds: str, size: str
) -> Iterator[str]:
    yield _line(title, 'seconds', 'MB' if title == 'checkpoint' else 'peak MB')
    for name, value in results[seconds].items():
        yield _line(name, f'{value:.4f}', f'{results[size][name] / 1e6:.1f}')


def _rows(title: str, values: Mapping[str, float], form: str) -> Iterator[str]:
    yield _line(title, '')
    for name, value in values.items():
        yield _line(name, form.format(value))


def _megabytes(sizes: Mapping[str, int]) -> dict[str, float]:
    return {name: size / 1e6 for name, size in sizes.items()}


def _line(name: str, *columns: str) -> str:
    return f'{name:<60}' + ''.join(f'{column:>11}' for column in columns)
