"""The most memory that a step takes at a time."""

import gc
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(step: Callable[[], object], device: torch.device | str = 'cpu') -> int:
    """Most bytes that tensors made in a step took at a time.

    On a GPU as its allocator counts, in addition to what was there before; on a CPU
    as PyTorch's profiler counts, without what kernels take for themselves.
    """
    device = torch.device(device)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    # What the collector frees meanwhile, of earlier steps, would count as well.
    gc.collect()
    gc.disable()
    try:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
            step()
    finally:
        gc.enable()
    taken = peak = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == '[memory]':
            taken += event.nbytes()
            peak = max(peak, taken)
    return peak
