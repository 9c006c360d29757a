"""The benchmark times what it says, and its sums are those of its figures."""

import json
import re
from collections import OrderedDict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from toys import coco_set, run_config

from tools.analysis_tools import benchmark
from tskd_mm.apis.benchmark.ratios import review_share
from tskd_mm.apis.benchmark.training_steps import TrainingSteps
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.read_config import memory_hook_of, read_config
from tskd_mm.models import Review

RETINANET = ROOT / 'configs' / 'tskd' / 'retinanet_r101_to_r50_coco.py'


@MODELS.register_module()
class WholeReview(Review):
    """Has no parts to be timed."""

    def forward(self, past, student, teacher, valid, factor):
        return factor * (student[0] - past[0][0]).square().mean()


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> str:
    """A tiny detector's."""
    folder = tmp_path_factory.mktemp('detector')
    content = run_config(folder, coco_set(folder), epochs=8).to_dict()
    text = "custom_imports = dict(imports=['tskd_mm', 'toys'])\n"
    text += ''.join(f'{name} = {value!r}\n' for name, value in content.items())
    (folder / 'config.py').write_text(text)
    return str(folder / 'config.py')


def call(*arguments: str) -> tuple[str, dict]:
    """What the tool prints, and its JSON."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        file = Path(folder, 'figures.json')
        options = ['--repeats', '1', '--json', str(file)]
        patch.setattr(DefaultScope, '_instance_dict', OrderedDict())
        patch.setattr('sys.argv', ['benchmark.py', *arguments, *options])
        with redirect_stdout(StringIO()) as said:
            benchmark.main()
        return said.getvalue(), json.loads(file.read_text())


@pytest.fixture(scope='module')
def detector(config) -> tuple[str, dict]:
    return call(config, '--images', '2', '--size', '64', '96')


def test_settings_and_text(detector):
    text, found = detector
    assert found['settings']['batch'] == [2, 3, 64, 96]
    for name in [*found['seconds'], *found['ratios'], *found['held_bytes']]:
        assert re.search(rf'^{re.escape(name)} +[\d.]', text, re.M), name


def test_a_review_of_ones_own_is_timed_as_a_whole(config):
    text, found = call(
        config, '--size', '64', '96', '--cfg-options', 'model.review.type=WholeReview'
    )
    assert text.startswith(
        'WholeReview is not a TemporalReview: its parts are not timed'
    )
    assert 'TSKD, review' in found['seconds']
    assert not {'attention maps', 'predictors'} & found['seconds'].keys()
    assert 'review / general' in found['ratios']


@pytest.mark.usefixtures('no_scope')
def test_hooks_of_the_host_and_models_that_ask_for_the_iteration(tmp_path):
    (tmp_path / 'yolox.py').write_text(
        f"_base_ = '{ROOT}/configs/tskd/yolox_nano_to_pico_coco.py'\n"
        'custom_hooks = [*_base_.custom_hooks]\n'
        "custom_hooks[-1].update(priority='LOW')\n"
    )
    content = Config.fromfile(tmp_path / 'yolox.py')
    data = random_batch(content, 1, (96, 96))
    TrainingSteps(content, data, torch.device('cpu')).train('general')
    assert review_share(content, memory_hook_of(content)) == 0.05


def test_operations(detector):
    counts = detector[1]['operations']
    steps = counts['student'], counts['TSKD, general'], counts['TSKD, review']
    past, teacher = counts['features of all past students'], counts['teacher features']
    assert steps[1] == steps[0] + teacher
    # A pass back through the head for the task, and none through the backbone.
    head = counts['TSKD, general, shares measured'] - steps[1]
    assert 0 < head < 0.5 * steps[0]
    assert steps[2] == steps[1] + past + counts['predictors']
    assert past == 3 * counts['features of one past student'] > 0
    assert counts['static losses'] == counts['optimizer'] == 0


@pytest.mark.usefixtures('no_scope')
@pytest.mark.parametrize(
    'loss, static, general',
    [
        (dict(type='AttentionTransferLoss'), 80, 100),
        (dict(type='PKDLoss'), 140, 160),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else None,
)
def test_operators_of_a_review_stay_few(loss, static, general):
    """RetinaNet with five levels; docs/appendix/timings.md has these targets."""
    content = read_config(str(RETINANET))
    content.model.feature_losses = dict(static=loss)
    data = random_batch(content, 2, (64, 64))
    counts = TrainingSteps(content, data, torch.device('cpu')).operators()
    assert counts['static losses'] <= static
    assert counts['attention maps'] <= 120
    assert counts['predictors'] <= 320
    assert counts['TSKD, general'] - counts['student and teacher'] <= general
    past = counts['features of one past student']
    assert counts['features of all past students'] <= 3 * (past + 5)


def test_memory(detector):
    found = detector[1]
    weights = found['held_bytes'][
        'trainable weights of backbone and neck, a memory each'
    ]
    assert found['held_bytes']['memories'] == weights > 0
    assert found['peak_bytes']['student'] < found['peak_bytes']['TSKD, review']
    tests = found['testing_peak_bytes']
    assert tests['plain model'] == tests['distiller']


def test_checkpoints(detector):
    plain, entry = detector[1]['checkpoint_bytes'].values()
    held = detector[1]['held_bytes']
    kept = held['memories'] + 2 * held['predictors']  # with their momentum
    assert entry - plain == pytest.approx(kept, rel=0.1)
    expected = held['student'] + held['optimizer of the student']
    assert plain == pytest.approx(expected, rel=0.2)


@pytest.mark.usefixtures('no_scope')
def test_parts_are_those_of_the_step(config):
    """Losses of the parts are those of the whole."""
    content = Config.fromfile(config)
    data = random_batch(content, 2, (64, 64))
    steps = TrainingSteps(content, data, torch.device('cpu'))
    model = steps.model
    model.phase = 'review'
    with torch.no_grad():
        losses = model.loss(steps.seen.inputs, steps.seen.samples)
        parts = zip(model.review.predictors, steps.histories, steps.gaps)
        review = sum((p(history) - gap).square().mean() for p, history, gap in parts)
    torch.testing.assert_close(losses['loss_review'], review)


def test_no_reviews(config, monkeypatch, tmp_path):
    text = Path(config).read_text()
    (tmp_path / 'other.py').write_text(text + '\ncustom_hooks = []\n')
    monkeypatch.setattr('sys.argv', ['benchmark.py', str(tmp_path / 'other.py')])
    message = 'the config has no reviews to time: add TSKDMemoryHook'
    with pytest.raises(SystemExit, match=f'^{message}$'):
        benchmark.main()
