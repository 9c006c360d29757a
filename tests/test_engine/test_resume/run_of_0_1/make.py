"""Makes the archives in this folder with release 0.1.0 of tskd_mm.

    git worktree add OLD 60a07e1  # the last commit before release 0.2.0
    PYTHONPATH=OLD OMP_NUM_THREADS=1 python make.py

For each config: train on made-up images to the end, with a checkpoint in the middle,
one review behind and one to come; then resume that with the same code and check that
it ends the same. An archive holds what a test needs to resume it with today's code:
``images/``, ``teacher.pth``, ``middle.pth`` as the run wrote it (but for the path of
the machine), ``end.pth`` with the weights that it ended with, and ``end.json``: what
their last bits depend on, and hashes that cover memories and optimizer too.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from torch import Tensor

HERE = Path(__file__).resolve().parent
MIDDLE = {'detector': 'epoch_4.pth', 'classifier': 'iter_10.pth'}
END = {'detector': 'epoch_6.pth', 'classifier': 'iter_16.pth'}


def detector_images() -> None:
    """Four of blocks with bright boxes; every other one taller than wide."""
    rng = np.random.default_rng(0)
    images, boxes = [], []
    for number in range(4):
        size = (96, 64) if number % 2 else (64, 96)
        picture = rng.integers(0, 90, (size[0] // 8, size[1] // 8, 3), np.uint8)
        picture = picture.repeat(8, 0).repeat(8, 1)
        for _ in range(2):
            x, y, side = (int(v) for v in rng.integers((0, 0, 16), (36, 36, 28)))
            kind = int(rng.integers(3))
            picture[y : y + side, x : x + side, kind] = 255
            boxes.append(dict(id=len(boxes) + 1, image_id=number, category_id=kind))
            boxes[-1].update(bbox=[x, y, side, side], area=side * side, iscrowd=0)
        cv2.imwrite(f'images/{number}.png', picture)
        images.append(dict(id=number, file_name=f'{number}.png'))
        images[-1].update(height=size[0], width=size[1])
    kinds = [dict(id=i, name=f'class{i}') for i in range(3)]
    content = dict(images=images, annotations=boxes, categories=kinds)
    Path('images/boxes.json').write_text(json.dumps(content))


def classifier_images() -> None:
    """Four dark and four bright ones."""
    rng = np.random.default_rng(0)
    for label, light in (('dark', 60), ('bright', 200)):
        Path('images', label).mkdir()
        for number in range(4):
            pixels = rng.integers(light - 40, light + 40, (16, 16, 3), np.uint8)
            cv2.imwrite(f'images/{label}/{number}.png', pixels)


def save_teacher(config: Config) -> None:
    """One that is initialised, not trained."""
    init_default_scope(config.default_scope)
    torch.manual_seed(11)
    teacher = MODELS.build(config.model.teacher)
    teacher.init_weights()
    torch.save(teacher.state_dict(), 'teacher.pth')


def train(config: Config, work_dir: str, last: str, **changes: object) -> dict:
    """Train and read the checkpoint ``last``."""
    settings = dict(config, work_dir=work_dir, experiment_name=work_dir, **changes)
    Runner.from_cfg(Config(settings)).train()
    return torch.load(Path(work_dir, last), weights_only=False)


def tensors(content: Any, path: str = '') -> dict[str, Tensor]:
    """All tensors in dicts within dicts, by path."""
    if torch.is_tensor(content):
        return {path: content}
    parts = content.items() if isinstance(content, dict) else ()
    return {k: v for n, part in parts for k, v in tensors(part, f'{path}/{n}').items()}


def trained(checkpoint: dict) -> dict[str, Tensor]:
    """The weights of student, predictors and adapters."""
    parts = {name: checkpoint['tskd'][name] for name in ('review', 'losses')}
    return tensors(parts | {'student': checkpoint['state_dict']})


def digests(checkpoint: dict) -> dict[str, str]:
    """Of every bit that was trained, a hash for each part of a checkpoint."""
    entry = checkpoint['tskd']
    parts = {'student': checkpoint['state_dict'], 'optimizer': checkpoint['optimizer']}
    parts |= {k: entry[k] for k in ('review', 'losses', 'memories')}
    parts['optimizer of the rest'] = entry['optimizer']
    return {name: digest(tensors(part)) for name, part in parts.items()}


def digest(named: dict[str, Tensor]) -> str:
    found = hashlib.sha256()
    for path, tensor in named.items():
        found.update(path.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def origin() -> dict[str, str]:
    """What the last bits of a training depend on."""
    info = Path('/proc/cpuinfo').read_text().splitlines()
    vendors = {line.split()[-1] for line in info if line.startswith('vendor_id')}
    return {
        'torch': torch.__version__,
        'kernels': torch.backends.cpu.get_cpu_capability(),
        'cpu': ' '.join(vendors),
    }


def make(kind: str, folder: Path) -> None:
    """Fill the folder of one archive, in the working directory."""
    Path('images').mkdir()
    {'detector': detector_images, 'classifier': classifier_images}[kind]()
    config = Config.fromfile(HERE / f'{kind}.py')
    save_teacher(config)
    end = train(config, 'whole', END[kind])
    middle = torch.load(Path('whole', MIDDLE[kind]), weights_only=False)
    middle['message_hub']['runtime_info'].pop('last_ckpt', None)
    torch.save(middle, 'middle.pth')
    again = train(config, 'again', END[kind], resume=True, load_from='middle.pth')
    if digests(end) != digests(again):
        raise RuntimeError(f'{kind}: the resumed run ended differently')
    torch.save(trained(end), 'end.pth')
    written = {'origin': origin(), 'digests': digests(end)}
    Path('end.json').write_text(json.dumps(written))
    for name in ('images', 'teacher.pth', 'middle.pth', 'end.pth', 'end.json'):
        shutil.move(name, folder)


def main() -> None:
    for kind in MIDDLE:
        with (
            tempfile.TemporaryDirectory() as run,
            tempfile.TemporaryDirectory() as kept,
        ):
            os.chdir(run)
            make(kind, Path(kept))
            os.chdir(HERE)
            shutil.make_archive(str(HERE / kind), 'xztar', kept)


if __name__ == '__main__':
    main()
