"""Times the training steps of a config with reviews, and what they are made of.

python tools/analysis_tools/benchmark.py CONFIG [--images N] [--size H W] ...

Everything is at random weights and takes turns on one random batch, in one run: the
student alone, together with the teacher's features, and with TSKD outside and inside a
review; then single parts of these steps, checkpoints and testing. Seconds are medians
over the turns, and so are ratios, each of the figures of one turn.
Under torchrun the training steps run in all of its processes.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction

from tskd_mm.apis.benchmark.counts import operations
from tskd_mm.apis.benchmark.memory_and_checkpoints import held_bytes, savers
from tskd_mm.apis.benchmark.ratios import ratios, review_share
from tskd_mm.apis.benchmark.report import report
from tskd_mm.apis.benchmark.training_steps import TrainingSteps
from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.interleaved_timing import medians, take_turns
from tskd_mm.apis.peak_memory import peak_bytes
from tskd_mm.apis.positive import positive
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.read_config import read_config


def build_steps(config: Config, args: argparse.Namespace) -> TrainingSteps:
    """What is timed, on one random batch.

    Raises:
        ValueError: If the config has no reviews, or AMP is to be timed on a CPU.
    """
    device = _device(args.device)
    if args.amp and device.type == 'cpu':
        raise ValueError('--amp times mixed precision on a GPU, but the device is cpu')
    torch.manual_seed(0)
    data = random_batch(config, args.images, args.size)
    return TrainingSteps(config, data, device, args.amp, args.channels_last)


def measure(
    config: Config, steps: TrainingSteps, args: argparse.Namespace
) -> dict[str, Any]:
    """All figures of one config, by what they are about."""
    device, slots = steps.device, steps.hook.schedule.num_slots
    if not steps.timed_review:
        kind = type(steps.model.review).__name__
        print(f'{kind} is not a TemporalReview: its parts are not timed')
    whole = steps.whole()
    train = whole | steps.parts()
    turns = take_turns(train, args.repeats, device)
    saving = savers(steps)
    results = {
        'settings': _settings(args, steps, slots),
        'seconds': medians(turns),
        'turns': turns,
        'operations': {name: operations(step) for name, step in train.items()},
        'operators': steps.operators(),
        'peak_bytes': {name: peak_bytes(step, device) for name, step in whole.items()},
        'held_bytes': held_bytes(steps),
        'checkpoint_bytes': {name: save() for name, save in saving.items()},
        'checkpoint_seconds': medians(take_turns(saving, args.repeats)),
        'ratios': ratios(turns, slots, review_share(config, steps.hook)),
    }
    testing = steps.prediction()
    return results | {
        'testing_seconds': medians(take_turns(testing, args.repeats, device)),
        'testing_peak_bytes': {n: peak_bytes(t, device) for n, t in testing.items()},
    }


def _device(name: str | None) -> torch.device:
    kind = name or ('cuda' if torch.cuda.is_available() else 'cpu')
    if kind == 'cuda':
        device = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0)))
        torch.cuda.set_device(device)
        return device
    return torch.device(kind)


def _settings(
    args: argparse.Namespace, steps: TrainingSteps, slots: int
) -> dict[str, Any]:
    on_gpu = steps.device.type == 'cuda'
    machine = torch.cuda.get_device_name(steps.device) if on_gpu else 'CPU'
    return {
        'config': args.config,
        'machine': machine,
        'threads': torch.get_num_threads(),
        'processes': int(os.environ.get('WORLD_SIZE', 1)),
        'torch': torch.__version__,
        'batch': list(steps.seen.inputs.shape),
        'levels': [list(f.shape[1:]) for f in steps.seen.student.levels],
        'slots': slots,
        'amp': args.amp,
        'channels_last': args.channels_last,
        'repeats': args.repeats,
    }


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config with a TSKDDistiller and reviews')
    count = positive(int)
    parser.add_argument('--images', type=count, help='default: 2, to classify 128')
    parser.add_argument(
        '--size',
        type=count,
        nargs=2,
        help='height, width; default: 320, to classify 32',
    )
    parser.add_argument('--repeats', type=count, default=9, help='turns that count')
    parser.add_argument('--device', help='default: the GPU, if there is one')
    parser.add_argument('--amp', action='store_true', help='mixed precision, on a GPU')
    parser.add_argument('--channels-last', action='store_true')
    parser.add_argument('--json', help='file for all figures')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    config = read_config(args.config, args.cfg_options)
    if 'RANK' in os.environ:
        on_gpu = torch.cuda.is_available() and args.device != 'cpu'
        torch.distributed.init_process_group('nccl' if on_gpu else 'gloo')
    with errors_as_messages():
        steps = build_steps(config, args)
    results = measure(config, steps, args)
    if int(os.environ.get('RANK', 0)) == 0:
        print(report(results))
        if args.json:
            Path(args.json).write_text(json.dumps(results, indent=2))


if __name__ == '__main__':
    main()
