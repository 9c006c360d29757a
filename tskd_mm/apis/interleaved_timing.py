"""Times steps that take turns, so that whatever slows the machine slows all alike."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

import torch
from rich.console import Console
from rich.progress import track

Step = Callable[[], object]


def take_turns(
    steps: Mapping[str, Step], repeats: int, device: torch.device | str = 'cpu'
) -> dict[str, list[float]]:
    """Seconds of each step in each turn; the first turn warms up and is left out.

    Args:
        steps: By name; each turn runs every one of them once, in this order.
        repeats: Turns that count.
        device: On a GPU its events are taken, on a CPU the clock.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    turns = track(
        range(repeats + 1),
        'turns',
        console=Console(stderr=True),
        refresh_per_second=1,  # hardly changes what is timed
    )
    for turn in turns:
        for name, step in steps.items():
            spent = _seconds(step, torch.device(device))
            if turn:
                seconds[name].append(spent)
    return seconds


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Of all turns."""
    return {name: median(values) for name, values in seconds.items()}


def _seconds(step: Step, device: torch.device) -> float:
    if device.type == 'cuda':
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        start.record()
        step()
        end.record()
        torch.cuda.synchronize(device)
        return start.elapsed_time(end) / 1000
    begin = perf_counter()
    step()
    return perf_counter() - begin
