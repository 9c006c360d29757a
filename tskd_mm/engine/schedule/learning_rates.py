"""The learning rate of a whole training, before it starts."""

from copy import copy
from types import SimpleNamespace
from typing import Any

from mmengine.runner import Runner


def learning_rates(runner: Runner, start: int) -> list[float]:
    """Learning rate of the first parameter group in every iteration that is left.

    The runner's own schedulers are stepped as its ParamSchedulerHook will step them,
    on a stand-in for the optimizer. One that waits for a metric is left out.

    Args:
        runner: About to train; it is left as it is.
        start: Iterations that are done, counted in epochs as long as they are now.
    """
    wrapper = runner.optim_wrapper
    group = {k: v for k, v in wrapper.param_groups[0].items() if k != 'params'}
    # The last two are what a scheduler looks at to warn of a missing optimizer step.
    stand_in = SimpleNamespace(param_groups=[group], step=wrapper.step, _global_step=0)
    schedulers = [_moved(s, stand_in) for s in _rate_schedulers(runner)]
    length = len(runner.train_dataloader)
    rates = []
    for iteration in range(start, runner.max_iters):
        rates.append(group['lr'])
        end_of_epoch = (iteration + 1) % length == 0
        for scheduler in schedulers:
            if end_of_epoch or not scheduler.by_epoch:
                scheduler.step()
    return rates


def _rate_schedulers(runner: Runner) -> list[Any]:
    return [
        scheduler
        for scheduler in runner.param_schedulers or []
        if scheduler.param_name == 'lr' and not hasattr(scheduler, 'need_val_args')
    ]


def _moved(scheduler: Any, optimizer: Any) -> Any:
    moved = copy(scheduler)
    moved.optimizer = optimizer
    return moved
