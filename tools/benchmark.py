"""Times the training steps of a config with reviews, and what they are made of.

python tools/benchmark.py CONFIG [--images N] [--size H W] [--json FILE] ...

Everything is at random weights and takes turns on one random batch, in one run: the
student alone, with the teacher's features beside it, and with TSKD outside and inside a
review; then single parts of these steps, checkpoints and testing. Seconds are medians.
Under torchrun the training steps run in all of its processes.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from benchmark_report import report
from benchmark_steps import BenchmarkSteps
from mmengine.config import Config, DictAction
from mmengine.registry import HOOKS
from random_models import random_batch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from turns import Step, peak_bytes, take_turns

from tskd_mm.engine import TSKDMemoryHook
from tskd_mm.engine.checkpoint_entry import add_entry


def measure(config: Config, args: argparse.Namespace) -> dict[str, Any]:
    """All figures of one config, by what they are about."""
    hook = _memory_hook(config)
    slots = hook.schedule.num_slots
    device = _device(args.device)
    torch.manual_seed(0)
    data = random_batch(config, args.images, args.size)
    steps = BenchmarkSteps(config, data, slots, device, args.amp, args.channels_last)
    whole, parts = steps.whole(), steps.parts()
    if args.reference:
        whole |= steps.in_reference_arithmetic()
    train = whole | parts
    seconds = take_turns(train, args.repeats, device)
    saving = _saving(steps, hook)
    results = {
        'settings': _settings(args, steps, slots),
        'seconds': seconds,
        'operations': {name: _operations(step) for name, step in train.items()},
        'peak_bytes': {name: peak_bytes(step, device) for name, step in whole.items()},
        'held_bytes': _held(steps),
        'checkpoint_bytes': {name: save() for name, save in saving.items()},
        'checkpoint_seconds': take_turns(saving, args.repeats),
        'ratios': _ratios(seconds, slots) | _schedule_ratios(seconds, config, hook),
    }
    testing = steps.prediction()
    return results | {
        'testing_seconds': take_turns(testing, args.repeats, device),
        'testing_peak_bytes': {n: peak_bytes(t, device) for n, t in testing.items()},
    }


def _memory_hook(config: Config) -> TSKDMemoryHook:
    hooks = [HOOKS.build(h) for h in config.get('custom_hooks', [])]
    found = [hook for hook in hooks if isinstance(hook, TSKDMemoryHook)]
    if not found:
        sys.exit('the config has no reviews to time: add TSKDMemoryHook')
    return found[0]


def _device(name: str | None) -> torch.device:
    kind = name or ('cuda' if torch.cuda.is_available() else 'cpu')
    if kind == 'cuda':
        device = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0)))
        torch.cuda.set_device(device)
        return device
    return torch.device(kind)


def _settings(
    args: argparse.Namespace, steps: BenchmarkSteps, slots: int
) -> dict[str, Any]:
    on_gpu = steps.device.type == 'cuda'
    machine = torch.cuda.get_device_name(steps.device) if on_gpu else 'CPU'
    return {
        'config': args.config,
        'machine': machine,
        'threads': torch.get_num_threads(),
        'processes': int(os.environ.get('WORLD_SIZE', 1)),
        'torch': torch.__version__,
        'batch': list(steps.inputs.shape),
        'levels': [list(f.shape[1:]) for f in steps.student.levels],
        'slots': slots,
        'amp': args.amp,
        'channels_last': args.channels_last,
        'repeats': args.repeats,
        'frozen parts': [*steps.model.bank.frozen.paths],
    }


def _operations(step: Step) -> int:
    """Multiplications and additions of convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def _held(steps: BenchmarkSteps) -> dict[str, int]:
    """Bytes that stay from step to step."""
    model: Any = steps.model
    trained = [p for p in steps.alone.parameters() if p.requires_grad]
    memories = [t for snapshot in model.bank.slots.values() for t in snapshot.values()]
    states = steps.optimizers[1].optimizer.state.values()
    return {
        'student': _bytes(steps.alone.state_dict().values()),
        'gradients of the student': _bytes(trained),
        'optimizer of the student': _bytes(t for s in states for t in s.values()),
        'teacher': _bytes(model.teacher.model.state_dict().values()),
        'memories': _bytes(memories),
        'trainable weights of backbone and neck, a memory each': len(model.bank.slots)
        * _bytes(
            parameter
            for name, parameter in steps.alone.named_parameters()
            if parameter.requires_grad and name.startswith(('backbone.', 'neck.'))
        ),
        'predictors': _bytes(model.review.parameters()),
    }


def _bytes(tensors: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))


def _saving(steps: BenchmarkSteps, hook: TSKDMemoryHook) -> dict[str, Any]:
    """What saves a checkpoint, and returns its bytes."""

    def save(model: Any, optimizer: Any, entry: bool) -> int:
        content = {
            'state_dict': model.state_dict(),
            'optimizer': optimizer.state_dict(),
        }
        if entry:
            add_entry(content, steps.model, optimizer, hook.schedule_state())
        with TemporaryDirectory() as folder:
            file = Path(folder, 'checkpoint.pth')
            torch.save(content, file)
            return file.stat().st_size

    with_tskd, alone = steps.optimizers
    return {
        'student': lambda: save(steps.alone, alone, False),
        "with the entry 'tskd'": lambda: save(steps.model, with_tskd, True),
    }


def _ratios(seconds: dict[str, float], slots: int) -> dict[str, float]:
    """Each step against the student's and against the sum of its parts."""
    student, general = seconds['student'], seconds['TSKD, general']
    review, beside = (
        seconds['TSKD, review'],
        seconds['student'] + seconds['teacher features'],
    )
    parts = (
        beside + slots * seconds['features of one past student'] + seconds['predictors']
    )
    ratios = {
        'general / student': general / student,
        'general / (student + teacher features)': general / beside,
        'review / student': review / student,
        'review / general': review / general,
        'review / (student + teacher + past students + predictors)': review / parts,
    }
    if 'reference, review' in seconds:
        ratios |= {
            'reference review / review': seconds['reference, review'] / review,
            'reference predictors / predictors': seconds['reference, predictors']
            / seconds['predictors'],
        }
    return ratios


def _schedule_ratios(
    seconds: dict[str, float], config: Config, hook: TSKDMemoryHook
) -> dict[str, float]:
    """The whole training against one without distillation and a static one."""
    settings = config.train_cfg
    end = settings.get('max_epochs') or settings.max_iters
    share = hook.schedule.reviewing(0, end) / end
    general = seconds['TSKD, general']
    mean = (1 - share) * general + share * seconds['TSKD, review']
    return {
        'share of review steps in the schedule': share,
        'schedule / without distillation': mean / seconds['student'],
        'schedule / static distillation': mean / general,
    }


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config with a TSKDDistiller and reviews')
    parser.add_argument('--images', type=int, help='default: 2, to classify 128')
    parser.add_argument(
        '--size', type=int, nargs=2, help='height, width; default: 320, to classify 32'
    )
    parser.add_argument('--repeats', type=int, default=9, help='turns that count')
    parser.add_argument('--device', help='default: the GPU, if there is one')
    parser.add_argument('--amp', action='store_true', help='mixed precision, on a GPU')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument(
        '--reference',
        action='store_true',
        help="a review in the release's arithmetic too, for classifiers",
    )
    parser.add_argument('--json', help='file for all figures')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not Path(args.config).is_file():
        sys.exit(f'there is no config file {args.config}')
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options or {})
    if 'RANK' in os.environ:
        on_gpu = torch.cuda.is_available() and args.device != 'cpu'
        torch.distributed.init_process_group('nccl' if on_gpu else 'gloo')
    results = measure(config, args)
    if int(os.environ.get('RANK', 0)) == 0:
        print(report(results))
        if args.json:
            Path(args.json).write_text(json.dumps(results, indent=2))


if __name__ == '__main__':
    main()
