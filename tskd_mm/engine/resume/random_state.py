"""Random numbers that follow from the seed and the position in the training alone.

A resumed run then draws what an uninterrupted one would have drawn, in every process,
without any state in the checkpoint, and whatever validation drew in between.
"""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from mmengine.dataset import worker_init_fn
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner, set_random_seed


def follow_resumed_seed(runner: Runner, before: int) -> None:
    """Let the sampler go on with the seed of the run that is resumed.

    Without ``randomness.seed`` every start draws a seed; mmengine brings back the one
    that the resumed run drew, after it has built the sampler with another.

    Args:
        runner: After it has resumed.
        before: Its seed before that.
    """
    if runner.seed == before:
        return
    sampler = runner.train_dataloader.batch_sampler.sampler
    if hasattr(runner.train_loop, 'dataloader_iterator'):
        print_log(
            'the order of the images after this resume is not that of an '
            'uninterrupted run: in an iteration loop set randomness.seed in the config',
            'current',
            logging.WARNING,
        )
    elif getattr(sampler, 'seed', None) == before:
        sampler.seed = runner.seed


def seed_epoch(runner: Runner) -> None:
    """Start an epoch anew: this process, and the workers that load its images."""
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        return
    seed = _seed(runner, runner.epoch)
    loader = runner.train_dataloader
    start = loader.worker_init_fn
    if isinstance(start, partial) and start.func is worker_init_fn:
        loader.worker_init_fn = partial(
            worker_init_fn, **start.keywords | {'seed': seed}
        )
        loader._iterator = None  # persistent workers would go on where they are


def seed_iterations(runner: Runner) -> None:
    """In an iteration loop, seed this process before each batch is loaded.

    Its workers are started once, with the seed, and a resumed loop has them load
    everything again up to where it goes on.
    """
    loop = runner.train_loop
    if hasattr(loop, 'dataloader_iterator'):
        # The modern stack's loop can leave out what was trained on before.
        skips = getattr(loop, 'fast_forward_on_resume', False)
        batches = _SeededIterator(runner, loop.dataloader_iterator)
        batches.step = runner.iter if skips else 0
        loop.dataloader_iterator = batches


class _SeededIterator:
    def __init__(self, runner: Runner, batches: Iterator[Any]) -> None:
        self.runner = runner
        self.batches = batches
        self.step = 0

    def __iter__(self) -> '_SeededIterator':
        return self

    def __next__(self) -> Any:
        _seed(self.runner, self.step)
        self.step += 1
        return next(self.batches)

    def skip_iter(self, count: int) -> None:
        """Load what was trained on before, so that the workers draw on from there.

        The modern stack's loop calls it, upstream's loop does it itself.
        """
        for _ in range(count):
            next(self)


def _seed(runner: Runner, step: int) -> int:
    """Seed this process for one step; steps and seeds side by side are unrelated."""
    [seed] = np.random.SeedSequence([runner.seed, step]).generate_state(1).tolist()
    per_rank = runner._randomness_cfg.get('diff_rank_seed', False)
    # Room for what mmengine adds for ranks and workers below numpy's limit of 2**32.
    return set_random_seed(seed // 2, diff_rank_seed=per_rank)
