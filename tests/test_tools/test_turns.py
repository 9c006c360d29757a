"""Turns are taken in order, and what is measured is what was used."""

import gc
from itertools import count

import pytest
import torch
import turns


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """A clock that goes on only when a step lets it."""
    now = [0.0]
    monkeypatch.setattr(turns, 'perf_counter', lambda: now[0])
    return now


def test_all_turns_but_the_first(clock):
    order, spent = [], {'a': iter([100.0, 1.0, 9.0, 2.0]), 'b': count(10)}

    def step(name: str):
        def run() -> None:
            order.append(name)
            clock[0] += next(spent[name])

        return run

    found = turns.take_turns({name: step(name) for name in 'ab'}, repeats=3)
    assert order == ['a', 'b'] * 4
    assert found == {'a': [1, 9, 2], 'b': [11, 12, 13]}
    assert turns.medians(found) == {'a': 2, 'b': 12}


def test_peak_bytes():
    kept = []
    before = torch.ones(1000)

    def step() -> None:
        large = torch.ones(3000)  # 12000 bytes
        total = large + 1  # as many again
        del large, total
        kept.append(before * 2)

    assert turns.peak_bytes(step) == pytest.approx(24000, abs=100)  # scalars


def test_peak_bytes_without_what_is_collected_of_earlier_steps():
    def earlier() -> None:
        cycle = [torch.ones(10000)]
        cycle.append(cycle)  # only the collector frees it

    assert turns.peak_bytes(earlier) == pytest.approx(40000, abs=100)
    seen = []

    def step() -> None:
        seen.append(gc.isenabled())
        gc.collect()
        torch.ones(3000)

    assert turns.peak_bytes(step) == pytest.approx(12000, abs=100)
    assert seen == [False]
    assert gc.isenabled()
