"""Teacher, then one student three ways, on digits: measured and reported.

Takes some 10 minutes on two cores. Start it again after an interruption: trainings
that were finished with the same config and data are reused.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.progress_line import clock
from tskd_mm.apis.run_curves import plot_runs
from tskd_mm.apis.run_scalars import read_scalars
from tskd_mm.apis.text_tables import screen_table

from .digits_to_coco import Settings, make_set
from .report import Result, table_rows, write_report
from .runs import METRIC, ROOT, Run, make_runs, student_config, test, train

DATA = Path('data/digits')


def measure(run: Run) -> Result:
    """Test a finished training and collect its numbers."""
    metrics = test(run, student_config(run))
    scalars = read_scalars(run.work_dir)
    return Result(
        method=run.method,
        params=count_params(student_config(run)),
        ap=metrics[METRIC],
        ap50=metrics[f'{METRIC}_50'],
        best_ap=max(value for _, value in scalars.metrics(METRIC)),
        seconds=scalars.seconds(),
        reference=run.name == 'student',
    )


def count_params(config: str) -> int:
    """Trainable parameters of a config's model."""
    content = Config.fromfile(config)
    init_default_scope(content.default_scope)
    model = MODELS.build(content.model)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def draw(runs: list[Run], out: Path) -> dict[str, str]:
    """Draw the curves, fetch what TSKDVisualizationHook drew; file names by title."""
    plot_runs([read_scalars(run.work_dir) for run in runs], out / 'curves.png')
    shown = runs[-1].work_dir.glob('*/vis_data/vis_image/tskd_*.png')
    names = {'tskd_schedule': 'schedule.png', 'tskd_attention': 'attention.png'}
    for picture in sorted(shown, key=lambda path: int(path.stem.rpartition('_')[2])):
        name = picture.stem.rpartition('_')[0]  # the number is the iteration
        shutil.copy(picture, out / names[name])  # the last of a name stays
    return {
        'Loss and mAP over time': 'curves.png',
        'Attention of teacher, past students and student in each review': (
            'attention.png'
        ),
        'Memories and reviews over the learning rate': 'schedule.png',
    }


def data_facts(settings: Settings) -> dict[str, int]:
    """What the report says about the data."""
    facts = {'source digits (scikit-learn)': 1797, 'seed': settings.seed}
    for split in ('train', 'val'):
        content = json.loads((DATA / 'annotations' / f'{split}.json').read_text())
        sources = {a['source'] for a in content['annotations']}
        facts |= {
            f'{split} images of {settings.size} x {settings.size}': len(
                content['images']
            ),
            f'{split} digits drawn': len(content['annotations']),
            f'{split} digits drawn from': len(sources),
        }
    return facts


def commands(runs: list[Run]) -> list[str]:
    """What the demo runs, as one would type it."""
    convert = ['-m', 'tools.demo.digits_to_coco', '--out', str(DATA)]
    lines = [convert, *(run.train_command() for run in runs)]
    lines += [run.test_command(student_config(run)) for run in runs]
    return ['python ' + shlex.join(line) for line in lines]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'))
    return parser.parse_args()


@errors_as_messages()
def main() -> None:
    out = parse_args().out.absolute()
    os.chdir(ROOT)
    if out.is_relative_to(ROOT):
        out = out.relative_to(ROOT)
    started = time.monotonic()
    settings = Settings()
    print('1. data: handwritten digits on varied background')
    made = make_set(DATA, settings)
    print(f'  {DATA}: {"made" if made else "already there, reused"}')
    runs = make_runs(out)
    print(
        f'2. training, {runs[0].epochs} epochs each, two at a time (logs: {out}/*/'
        'train.log)'
    )
    train(runs[:2], repr(settings))
    train(runs[2:], repr(settings))
    print('3. test with the configs of mmdet alone, then the report')
    results = [measure(run) for run in runs]
    plots = draw(runs, out)
    seed = runs[0].content.randomness.seed
    report = out / 'report.md'
    write_report(report, results, data_facts(settings), seed, commands(runs), plots)
    print(f'\n{screen_table(table_rows(results))}\n')
    print('One seed, a small synthetic set of real digits: not COCO val.')
    print(f'Report with plots: {report}')
    print(f'Time: {clock(time.monotonic() - started)}')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit('\ninterrupted: start the demo again, finished trainings are kept')
