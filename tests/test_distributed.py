"""Two processes end with what one process ends with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distributed_run import VARIANTS
from mmengine.registry import MODELS
from processes import finish
from tiny_detectors import shake, tiny_detector
from toys import coco_set, load_whole, same_tensors, tiny_retinanet

pytestmark = pytest.mark.distributed
WITHOUT_REVIEW = ('static', 'heads', 'queries')
SCRIPT = str(Path(__file__).parent / 'helpers' / 'distributed_run.py')


def start(folder: Path, batch: int, rank: int, processes: int) -> subprocess.Popen:
    numbers = (str(number) for number in (batch, rank, processes))
    with (folder / f'{rank}.log').open('w') as log:
        return subprocess.Popen(
            [sys.executable, SCRIPT, str(folder), *numbers],
            stdout=log,
            stderr=log,
            env=os.environ | {'OMP_NUM_THREADS': '1'},
        )


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """Where rank 0, rank 1 and a single process left what they ended with."""
    folder = tmp_path_factory.mktemp('distributed')
    coco_set(folder, images=8, size=(96, 96))
    torch.manual_seed(1)
    teacher = MODELS.build(dict(_scope_='mmdet', **tiny_retinanet(width=12)))
    torch.save({'state_dict': teacher.state_dict()}, folder / 'teacher.pth')
    shake(teacher, 0.5)
    torch.save({'state_dict': teacher.state_dict()}, folder / 'later.pth')
    teacher = MODELS.build(tiny_detector('dab', layers=3))
    shake(teacher, 0.05)
    torch.save({'state_dict': teacher.state_dict()}, folder / 'dab.pth')
    two, one = folder / 'two', folder / 'one'
    two.mkdir(), one.mkdir()
    runs = {
        two / '0.log': start(two, batch=2, rank=0, processes=2),
        two / '1.log': start(two, batch=2, rank=1, processes=2),
        one / '0.log': start(one, batch=4, rank=0, processes=1),
    }
    finish(runs)
    return folder


def states(folder: Path, variant: str) -> tuple[dict, dict, dict]:
    files = (f'two/{variant}_0.pth', f'two/{variant}_1.pth', f'one/{variant}_0.pth')
    first, second, alone = (load_whole(folder / file) for file in files)
    assert first['wrapped'] and second['wrapped'] and not alone['wrapped']
    return first, second, alone


@pytest.mark.parametrize('variant', VARIANTS)
def test_processes_agree(folder, variant):
    first, second, _ = states(folder, variant)
    assert same_tensors(first['student'], second['student'])
    assert same_tensors(first['losses'], second['losses'])
    if variant in WITHOUT_REVIEW:
        return
    assert same_tensors(first['review'], second['review'])
    assert list(first['memories']) == list(second['memories']) == [1, 2, 0]
    for slot, memory in first['memories'].items():
        assert same_tensors(memory, second['memories'][slot])


@pytest.mark.parametrize('variant', VARIANTS)
def test_losses_equal_those_of_one_process(folder, variant):
    first, second, alone = (state['log'] for state in states(folder, variant))
    assert len(first) == len(alone) == 10
    tolerance = 0.03 if variant == 'bfloat16' else 1e-3
    for a, b, expected in zip(first, second, alone, strict=True):
        assert a.keys() == b.keys() == expected.keys()
        ours = {*expected} - {'loss', 'loss_cls', 'loss_bbox', 'loss_fgd', 'grad_norm'}
        for name in (name for name in ours if name.startswith('loss_')):
            found = (a[name] + b[name]) / 2
            assert found == pytest.approx(expected[name], rel=tolerance), name
    reviews = [i for i, row in enumerate(alone) if 'loss_review' in row]
    assert reviews == ([] if variant in WITHOUT_REVIEW else [6, 7])


@pytest.mark.parametrize('variant', [v for v in VARIANTS if v != 'bfloat16'])
def test_two_processes_equal_one(folder, variant):
    first, _, alone = states(folder, variant)
    parts = {'student', 'review', 'losses', 'ema'} & alone.keys()
    assert ('ema' in parts) == (variant == 'ema')
    assert (len(alone['losses']) > 0) == (variant == 'static')
    for part in parts:
        for name, tensor in alone[part].items():
            torch.testing.assert_close(
                first[part][name], tensor, rtol=1e-3, atol=1e-5, msg=name
            )


def test_what_makes_the_variants_is_in_force(folder):
    plain, own, route = (
        states(folder, name)[2] for name in ('plain', 'own_review', 'route')
    )
    assert own['review'].keys() == {'factors'}
    assert own['review']['factors'].ne(0.5).all()  # trained
    same = [a['loss'] == b['loss'] for a, b in zip(plain['log'], route['log'])]
    assert same == [True] * 4 + [False] * 6  # the teacher changes with epoch 2


def test_learning_rate_follows_the_global_batch(folder):
    for state in states(folder, VARIANTS[0]):
        assert state['lr'] == pytest.approx(0.01 * 4 / 8)


def test_shares_of_the_gradient_are_those_of_all_images(folder):
    first, second, alone = states(folder, 'balance')
    assert first['balance'] == second['balance']
    assert first['balance'].keys() == alone['balance'].keys() == {'attention', 'review'}
    for name, expected in alone['balance'].items():
        assert first['balance'][name] == pytest.approx(expected, rel=1e-3), name
        assert expected['measured'] > 1
    for found, other, expected in zip(first['log'], second['log'], alone['log']):
        for value in ('share', 'factor', 'cosine'):
            for name in (f'{value}_attention', f'{value}_review'):
                assert (name in found) == (name in expected)
                assert found.get(name) == other.get(name)
                if name in found:
                    assert found[name] == pytest.approx(expected[name], rel=0.01)


def test_what_one_process_lacks_counts_for_both(folder):
    first, second = (load_whole(folder / f'two/shares_{rank}.pth') for rank in (0, 1))
    assert first == second
    share, cosine = first['good']
    task = 1**2 + 2**2 + 2 * 1**2  # process 0 reaches a alone, process 1 a and b
    assert share == pytest.approx((2 * 3**2 / task) ** 0.5)
    assert cosine == pytest.approx((3 * 1 + 3 * 2) / (2 * 3**2 * task) ** 0.5)
    assert 'bad' not in first  # infinite on one process, skipped on both
    assert 'does not depend on the one of shape (2,)' in first['error']
