"""What ``python`` stands for where test_doc_pages.py runs the commands of the docs.

It adds flags that make a command short. A run has four epochs of one step: memories and
a review. Its checkpoints get the names that they would have after all epochs of the
config.
"""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

from doc_blocks import ROOT
from mmengine.config import Config, DictAction

EPOCHS = 4
SIZE = '(256,256)'
FLAGS = {  # argparse takes the last one
    'compare.py': ['--seeds', '1'],
    'benchmark.py': ['--repeats', '1', '--images', '1', '--size', '64', '64'],
    'loss_cost.py': ['--repeats', '1'],
    'reference_arithmetic.py': ['--repeats', '1', '--images', '4'],
    'tools.study.review_gradients': ['--steps', '1', '--batches', '1'],
    'crash_test.py': ['--kills', '1'],
}


def configured(words: list[str]) -> Config:
    """The config of a command with the changes on its command line."""
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    known, others = parser.parse_known_args(words)
    file = next(word for word in others[1:] if word.endswith('.py'))
    config = Config.fromfile(file, import_custom_modules=False)
    config.merge_from_dict(known.cfg_options)
    return config


def few_epochs(config: Config, epochs: int) -> dict[str, object]:
    """Options for so many epochs, with all phases of a review's cycle."""
    names = 'train_cfg.max_epochs', 'train_cfg.val_interval'
    options: dict[str, object] = dict.fromkeys(names, epochs)
    if 'configs/tskd' in config.filename:  # gigabytes each
        options['default_hooks.checkpoint.interval'] = epochs
    for index, hook in enumerate(config.get('custom_hooks', [])):
        if hook.type == 'TSKDMemoryHook':
            options[f'custom_hooks.{index}.interval'] = 1
    schedulers = config.get('param_scheduler')
    for index, part in enumerate(schedulers if isinstance(schedulers, list) else ()):
        if part.get('begin', 0) >= epochs and 'end' not in part:
            options[f'param_scheduler.{index}.begin'] = 0
    return options


def few_images(config: Config) -> dict[str, object]:
    """Options for two small images in a batch, and no more."""
    options: dict[str, object] = {}
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = {'batch_size': 2, 'num_workers': 0, 'persistent_workers': False}
        options |= {f'{name}.{key}': value for key, value in loader.items()}
        place, dataset = f'{name}.dataset', config[name].dataset
        options |= small_images(place, dataset)
        while 'dataset' in dataset:
            place, dataset = f'{place}.dataset', dataset.dataset
        options[f'{place}.indices'] = 2
    return options


def small_images(place: str, dataset: Config) -> dict[str, str]:
    """Options for the sizes, in pixels, in pipelines of a data set."""
    inner = dataset.get('dataset')
    options = small_images(f'{place}.dataset', inner) if inner else {}
    for index, step in enumerate(dataset.get('pipeline', [])):
        for key in ('scale', 'img_scale', 'crop_size', 'size'):
            if isinstance(step.get(key), (tuple, list)):
                options[f'{place}.pipeline.{index}.{key}'] = SIZE
    return options


def work_dir(words: list[str], config: Config) -> Path:
    if '--work-dir' in words:
        return Path(words[words.index('--work-dir') + 1])
    return Path(config.get('work_dir') or f'work_dirs/{Path(config.filename).stem}')


def rename(folder: Path, ahead: int) -> None:
    """Give the checkpoints names of later epochs, in addition to their own."""
    for epoch in range(EPOCHS + 1, 0, -1):
        name = folder / f'epoch_{epoch + ahead}.pth'
        if (file := folder / f'epoch_{epoch}.pth').exists() and not name.exists():
            os.link(file, name)


def main(words: list[str]) -> int:
    """Run a Python command; its exit status."""
    name = words[1] if words[0] == '-m' else Path(words[0]).name
    flags, epochs = FLAGS.get(name, []), 0
    if name in ('train.py', 'test.py', 'check.py'):
        config = configured(words)
        epochs = min(config.train_cfg.max_epochs, EPOCHS) + ('--resume' in words)
        options = few_epochs(config, epochs) | few_images(config)
        flags = ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
    # A command of the page can have set it.
    path = {'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'}
    command = [sys.executable, *words, *flags]
    status = subprocess.run(command, env=os.environ | path).returncode
    if name == 'train.py':
        rename(work_dir(words, config), config.train_cfg.max_epochs - epochs)
    return status


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
