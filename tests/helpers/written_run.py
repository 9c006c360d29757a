"""What mmengine leaves of a training."""

import json
from pathlib import Path


def write_run(
    work_dir: Path,
    epochs: int = 5,
    iters: int = 4,
    hook: str = '',
    stamp: str = '20260101_000000',
    loss: float = 1.0,
) -> Path:
    """What mmengine leaves behind: a record every 2 iterations, 1 validation each."""
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    records = []
    for epoch in range(1, epochs + 1):
        for i in range(2, iters + 1, 2):
            step = (epoch - 1) * iters + i
            train = {'lr': 0.1, 'loss': loss / step, 'time': 0.5, 'epoch': epoch}
            records.append({**train, 'iter': step, 'step': step})
        records.append({'coco/bbox_mAP': epoch / 10, 'time': 0.1, 'step': epoch})
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, records)) + '\n')
    (folder / 'config.py').write_text(hook)
    return work_dir
