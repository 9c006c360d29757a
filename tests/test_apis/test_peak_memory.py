"""What a step took at a time is counted, and nothing of earlier steps."""

import gc

import pytest
import torch

from tskd_mm.apis.peak_memory import peak_bytes


def test_peak_bytes():
    kept = []
    before = torch.ones(1000)

    def step() -> None:
        large = torch.ones(3000)  # 12000 bytes
        total = large + 1  # as many again
        del large, total
        kept.append(before * 2)

    assert peak_bytes(step) == pytest.approx(24000, abs=100)  # scalars


def test_peak_bytes_without_what_is_collected_of_earlier_steps():
    def earlier() -> None:
        cycle = [torch.ones(10000)]
        cycle.append(cycle)  # only the collector frees it

    assert peak_bytes(earlier) == pytest.approx(40000, abs=100)
    seen = []

    def step() -> None:
        seen.append(gc.isenabled())
        gc.collect()
        torch.ones(3000)

    assert peak_bytes(step) == pytest.approx(12000, abs=100)
    assert seen == [False]
    assert gc.isenabled()
