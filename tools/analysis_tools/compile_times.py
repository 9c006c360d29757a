"""Times training steps with ``compile = True`` next to those without it.

python tools/analysis_tools/compile_times.py CONFIG [--images N] [--size H W] ...

Two distillers with random weights take turns on one random batch. One is compiled, with
the options that the config has under ``compile``, if any. Its first steps, outside of a
review and then in one, make the graphs and are timed apart.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from time import perf_counter

import torch
from mmengine.config import DictAction

from tskd_mm.apis.benchmark.training_steps import TrainingSteps
from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.interleaved_timing import Step, medians, take_turns
from tskd_mm.apis.positive import positive
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.read_config import read_config
from tskd_mm.apis.text_tables import screen_table
from tskd_mm.models.features.compiled_parts import compile_options

PHASES = 'general', 'review'
FIRST_STEPS = 3  # what is compiled shows in the first and is compiled in the second


def first_seconds(step: Step) -> float:
    """Seconds of the steps in which graphs are made."""
    begin = perf_counter()
    for _ in range(FIRST_STEPS):
        step()
    return perf_counter() - begin


def report(first: Mapping[str, float], seconds: Mapping[str, float]) -> str:
    """Seconds as a table, a row for each kind of step.

    Args:
        first: Seconds of the compiled first steps, by phase.
        seconds: Of a step, by ``'<phase>, eager'`` and ``'<phase>, compiled'``.
    """
    rows = [('step', 'first steps', 'eager', 'compiled', 'compiled / eager')]
    for phase in PHASES:
        eager, compiled = (seconds[f'{phase}, {way}'] for way in ('eager', 'compiled'))
        times = f'{first[phase]:.1f}', f'{eager:.3f}', f'{compiled:.3f}'
        rows.append((phase, *times, f'{compiled / eager:.3f}'))
    return screen_table(rows)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config with a TSKDDistiller and reviews')
    count = positive(int)
    parser.add_argument('--images', type=count, help='default: 2, to classify 128')
    parser.add_argument(
        '--size',
        type=count,
        nargs=2,
        help='height, width; default: 320, to classify 32',
    )
    parser.add_argument('--repeats', type=count, default=9, help='turns that count')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    config = read_config(args.config, args.cfg_options)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    torch.manual_seed(0)
    data = random_batch(config, args.images, args.size)
    with errors_as_messages():
        options = compile_options(config.get('compile')) or {}
        eager, compiled = (TrainingSteps(config, data, device) for _ in range(2))
    compiled.model.compile_parts(options)
    first = {p: first_seconds(partial(compiled.train, p)) for p in PHASES}
    ways = {'eager': eager, 'compiled': compiled}
    steps = {f'{p}, {way}': partial(ways[way].train, p) for p in PHASES for way in ways}
    print(report(first, medians(take_turns(steps, args.repeats, device))))


if __name__ == '__main__':
    main()
