"""Runs sections of the GPU check: python -m tools.analysis_tools.gpu_check SECTION...

A section is NAME or NAME:ITEM,ITEM; README.md has a table of them.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # for equal bits

import torch

from .check import Check
from .compiled import compiled
from .processes import processes
from .synchronisations import synchronisations
from .timing import benchmark, largest_batch
from .train_cycle import train_cycles

SECTIONS = {
    'cuda_train': train_cycles,
    'perf': benchmark,
    'syncs': synchronisations,
    'batch': largest_batch,
    'nccl': processes,
    'compile': compiled,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m tools.analysis_tools.gpu_check', description=__doc__
    )
    parser.add_argument('sections', nargs='+', help=', '.join(SECTIONS))
    parser.add_argument('--data', type=Path, required=True, help='made by pack.sh')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/gpu_check'))
    parser.add_argument('--device', default='cuda', help="'cpu' tries the kit itself")
    parser.add_argument('--tiny', action='store_true', help='small images, few of them')
    args = parser.parse_args()
    out = args.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    check = Check(args.device, args.tiny, args.data.absolute(), out / 'work', out)
    name = torch.cuda.get_device_name() if check.on_gpu else 'CPU'
    for section in args.sections:
        check.section, _, items = section.partition(':')
        with check.guard(f'section on {name}, torch {torch.__version__}'):
            SECTIONS[check.section](check, [x for x in items.split(',') if x])


if __name__ == '__main__':
    main()
