"""Prints what a training will be, without starting it.

Everything is built as for training: models, weights, data, optimizer, hooks. What
would stop the training before its first step stops this check too. Nothing is left
behind.

Example:
    python tools/check.py my_tskd_config.py
"""

import argparse
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config, DictAction
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console

from tskd_mm.engine import DistillationHook
from tskd_mm.engine.preflight import Preflight, preflight


class _Checked(Exception):
    """Ends the training before its first step."""


class _Check(Hook):
    """Runs the preflight when all other hooks have had their say."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.found: Preflight | None = None

    def before_train(self, runner: Runner) -> None:
        hooks = [h for h in runner.hooks if isinstance(h, DistillationHook)]
        if not hooks:
            raise ValueError(
                'the config has no distillation to check: add TSKDMemoryHook, or '
                'DistillationHook, to its custom_hooks'
            )
        self.found = preflight(runner, hooks[0].distiller(runner))
        raise _Checked


def check(config: Config) -> Preflight:
    """Go as far as the first step of a training.

    Args:
        config: Of the training; changed.

    Raises:
        ValueError: If the config has no distillation, or whatever is wrong with it.
    """
    config.log_level = 'ERROR'
    config.visualizer = None  # no run of it on a server
    hook = _Check()
    with TemporaryDirectory() as folder:
        config.work_dir = folder
        with redirect_stdout(StringIO()):  # data sets talk
            _run(config, hook)
    if hook.found is None:
        raise ValueError('the training ended before its first step')
    return hook.found


def _run(config: Config, hook: _Check) -> None:
    runner = Runner.from_cfg(config)
    for other in runner.hooks:
        if isinstance(other, DistillationHook):
            other.preflight = False
    runner.register_hook(hook)
    with suppress(_Checked):
        runner.train()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config with a TSKDDistiller')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not Path(args.config).is_file():
        sys.exit(f'there is no config file {args.config}')
    console = Console(stderr=True)
    try:
        config = Config.fromfile(args.config)
        config.merge_from_dict(args.cfg_options or {})
        with console.status(f'{args.config}: builds models, loads weights and data'):
            found = check(config)
    except (OSError, TypeError, ValueError) as error:  # no file, or no net
        sys.exit(str(error))
    print(found)
    for warning in found.warnings:
        console.print(f'WARNING: {warning}', style='bold red')


if __name__ == '__main__':
    main()
