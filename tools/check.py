"""Prints what a training will be, and what its first steps show.

Everything is built as for training: models, weights, data, optimizer, hooks. A few
steps are tried in each phase. What would stop the training before or in its first step
stops this check too. Nothing is left behind.

Example:
    python tools/check.py my_tskd_config.py
"""

import argparse
from contextlib import redirect_stdout, suppress
from io import StringIO
from tempfile import TemporaryDirectory

import tskd_mm  # isort: skip  # noqa: F401 - says which package is missing
from mmengine.config import Config, DictAction
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.first_steps import try_steps
from tskd_mm.apis.read_config import read_config
from tskd_mm.engine import DistillationHook
from tskd_mm.engine.preflight import Preflight, preflight
from tskd_mm.models import find_model
from tskd_mm.models.teacher.build_teacher import untrained


class _Checked(Exception):
    """Ends the training before its first epoch."""


class Check(Hook):
    """Looks at the training when all other hooks have prepared it.

    Attributes:
        found: Panel and warnings, as far as it came.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.found = Preflight()

    def before_train(self, runner: Runner) -> None:
        hooks = [h for h in runner.hooks if isinstance(h, DistillationHook)]
        if not hooks:
            raise ValueError(
                'the config has no distillation to check: add TSKDMemoryHook, or '
                'DistillationHook, to its custom_hooks'
            )
        model = hooks[0].distiller(runner)
        self.found = preflight(runner, model)
        if model.teacher_checkpoint is None:  # logged already, but not shown here
            teacher = find_model(model.teacher_config, 'teacher')
            self.found.warnings.append(untrained(teacher))
        self.found.rows |= try_steps(runner, model)
        raise _Checked

    def run(self, config: Config) -> None:
        """Go as far as the first steps of a training.

        Args:
            config: Of the training; changed.

        Raises:
            ValueError: If the config has no distillation, or whatever is wrong with it.
        """
        config.log_level = 'ERROR'
        config.visualizer = None  # no run of it on a server
        with TemporaryDirectory() as folder, redirect_stdout(StringIO()):
            config.work_dir = folder
            runner = Runner.from_cfg(config)
            for hook in runner.hooks:
                if isinstance(hook, DistillationHook):
                    hook.preflight = False
            runner.register_hook(self)
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
    console, check = Console(stderr=True), Check()
    try:
        with errors_as_messages():
            config = read_config(args.config, args.cfg_options)
            with console.status(f'{args.config}: builds all, tries a few steps'):
                check.run(config)
    finally:
        if check.found.rows:
            print(check.found)
        for warning in check.found.warnings:
            console.print(f'WARNING: {warning}', style='bold red')


if __name__ == '__main__':
    main()
