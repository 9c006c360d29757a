"""Turns are taken in order, and the first does not count."""

from itertools import count

import pytest

from tskd_mm.apis import interleaved_timing
from tskd_mm.apis.interleaved_timing import medians, take_turns


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """A clock that goes on only when a step lets it."""
    now = [0.0]
    monkeypatch.setattr(interleaved_timing, 'perf_counter', lambda: now[0])
    return now


def test_all_turns_but_the_first(clock):
    order, spent = [], {'a': iter([100.0, 1.0, 9.0, 2.0]), 'b': count(10)}

    def step(name: str):
        def run() -> None:
            order.append(name)
            clock[0] += next(spent[name])

        return run

    found = take_turns({name: step(name) for name in 'ab'}, repeats=3)
    assert order == ['a', 'b'] * 4
    assert found == {'a': [1, 9, 2], 'b': [11, 12, 13]}
    assert medians(found) == {'a': 2, 'b': 12}
