"""Kill a training again and again: it must end as if nothing had happened.

    python tests/helpers/crash_test.py --kills 20

A RetinaNet (tiny) is trained with TSKD, augmentation and validation, keeping only the
newest and the best checkpoint. One run is left alone; the other is killed by SIGKILL at
random moments, every second time while a checkpoint is being written, and resumed. The
last checkpoints of both must hold the same student, optimizer, predictors and memories.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mmengine.config import ConfigDict
from mmengine.runner import Runner
from runs import same, saving
from toys import coco_set, load_whole, run_config, with_validation

import tskd_mm  # noqa: F401

PATIENCE = 300  # seconds until a run that shows nothing counts as hanging


def config(folder: Path, epochs: int) -> ConfigDict:
    data = dict(data_root=f'{folder.parent}/', ann_file='boxes.json')
    training = with_validation(run_config(folder, data, epochs, augment=True))
    training.model.student.neck.type = 'FPNWithDropout'
    saving(training, max_keep_ckpts=1, save_best='coco/bbox_mAP', rule='greater')
    training.resume = True  # from the newest checkpoint, if there is one
    return training


class Life:
    """One process of the training, watched from outside."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.work = folder / 'work'
        self.log = (folder / 'log.txt').open('a')
        self.process = subprocess.Popen(
            [sys.executable, __file__, '--train', str(folder), '--epochs', str(epochs)],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_for(self, pattern: str, other_than: set[str] = frozenset()) -> bool:
        """Wait until a new file of that name is there; False if the run ended."""
        deadline = time.monotonic() + PATIENCE
        while self.alive():
            if {str(p) for p in self.work.glob(pattern)} - other_than:
                return True
            if time.monotonic() > deadline:
                raise TimeoutError(f'no {pattern} in {PATIENCE} s: {self.log.name}')
            time.sleep(0.001)  # a file is being written for longer than this
        return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def finish(self) -> None:
        code = self.process.wait(PATIENCE * 10)
        self.log.close()
        if code != 0:
            text = Path(self.log.name).read_text()[-2000:]
            raise RuntimeError(f'the training failed with {code}:\n{text}')


def last_epoch(work: Path) -> int:
    """Epoch of the newest checkpoint that can be read; 0 if there is none yet."""
    epochs = [0]
    for file in work.glob('epoch_*.pth'):
        epochs.append(load_whole(file)['meta']['epoch'])
    return max(epochs)


def live_and_die(folder: Path, epochs: int, rng: random.Random, writing: bool) -> bool:
    """Train for a while and be killed; False if the training ended before that."""
    life = Life(folder, epochs)
    for _ in range(rng.randint(1, 3)):  # checkpoints it lives to see
        present = {str(p) for p in life.work.glob('epoch_*.pth')}
        if not life.wait_for('epoch_*.pth', present):
            life.finish()
            return False
    if writing:
        if not life.wait_for('*.partial'):
            life.finish()
            return False
        time.sleep(rng.uniform(0, 0.004))
    else:
        time.sleep(rng.uniform(0, 1.5))
    life.kill()
    return True


def crash_test(folder: Path, kills: int, seed: int = 0) -> None:
    """Run both trainings and compare; raises if anything was lost.

    Args:
        folder: Where the data and both runs go.
        kills: How often to kill.
        seed: Of the moments.
    """
    rng = random.Random(seed)
    epochs = 8 + 5 * kills
    coco_set(folder)
    whole, killed = folder / 'whole', folder / 'killed'
    whole.mkdir(), killed.mkdir()
    undisturbed = Life(whole, epochs)
    reached, written = 0, 0
    for number in range(1, kills + 1):
        writing = number % 2 == 0
        if not live_and_die(killed, epochs, rng, writing):
            raise RuntimeError(f'the training ended before kill {number}')
        partial = bool([*(killed / 'work').glob('*.partial')])
        written += partial
        epoch = last_epoch(killed / 'work')
        note = ', in the middle of a file' if partial else ''
        print(f'kill {number}: resumes after epoch {epoch}{note}', flush=True)
        if epoch < reached:
            raise AssertionError(f'epoch {reached} was saved and is lost')
        reached = epoch
    Life(killed, epochs).finish()
    undisturbed.finish()
    name = f'epoch_{epochs}.pth'
    compare(load_whole(whole / 'work' / name), load_whole(killed / 'work' / name))
    print(f'{kills} kills, {written} in the middle of a file: equal to the last bit')


def compare(whole: dict, killed: dict) -> None:
    for part in ('state_dict', 'optimizer', 'tskd'):
        if not same(whole[part], killed[part]):
            raise AssertionError(f'{part} differs')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--train', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--epochs', type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        Runner.from_cfg(config(args.train, args.epochs)).train()
        return
    with tempfile.TemporaryDirectory() as folder:
        crash_test(Path(folder), args.kills, args.seed)


if __name__ == '__main__':
    main()
