"""Pictures in a real Runner, through the backends of mmengine's Visualizer."""

import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.registry import MODELS, VISBACKENDS
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend
from refusals import refused
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from toys import run_config, same_tensors, with_validation

from tskd_mm.engine import TSKDMemoryHook, TSKDVisualizationHook
from tskd_mm.engine.schedule.learning_rates import learning_rates
from tskd_mm.models import Review, TSKDDistiller
from tskd_mm.visualization import review_image

BACKENDS = ['LocalVisBackend', 'TensorboardVisBackend', 'Remember']


@VISBACKENDS.register_module()
class Remember(BaseVisBackend):
    """What any backend is given."""

    pictures: list[tuple[str, int, np.ndarray]] = []

    @property
    def experiment(self) -> None:
        return None

    def _init_env(self) -> None: ...

    def add_image(self, name, image, step=0, **kwargs) -> None:
        self.pictures.append((name, step, image))


@MODELS.register_module()
class BlindReview(Review):
    """Compares nothing that could be shown."""

    def forward(self, past, student, teacher, valid, factor):
        return factor * (student[0] - past[0][0]).square().mean()


class WatchRates(Hook):
    """Learning rates as they are foretold and as they come."""

    def before_train(self, runner):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            self.foretold = learning_rates(runner, runner.iter)
        self.seen: list[float] = []

    def before_train_iter(self, runner, *args, **kwargs):
        self.seen += runner.optim_wrapper.get_lr()['lr']


def config(tmp_path: Path, data: dict) -> ConfigDict:
    """M1, R, M1, R in epochs of 2 iterations; all that could be disturbed is random."""
    config = with_validation(run_config(tmp_path, data, 4, augment=True, num_slots=1))
    config.custom_hooks[0].update(interval=1, preflight=False)
    config.model.student.backbone.update(norm_eval=False, frozen_stages=-1)
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=3),
        dict(type='MultiStepLR', milestones=[2, 3], gamma=0.1),
    ]
    return config


def test_a_review_without_compare_is_said_not_to_be_shown(tmp_path, data):
    cfg = config(tmp_path, data)
    cfg.model.review = dict(type='BlindReview')
    # A review of scores alone has no levels to choose from.
    cfg.custom_hooks.append(dict(type='TSKDVisualizationHook', level=9))
    cfg.visualizer = dict(
        type='DetLocalVisualizer', vis_backends=[dict(type='Remember')]
    )
    cfg.log_level = 'WARNING'
    Remember.pictures.clear()
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert [name for name, *_ in Remember.pictures] == ['tskd_schedule']
    [log] = (tmp_path / 'work').glob('*/*.log')
    text = 'TSKDVisualizationHook shows no attention maps: BlindReview has no method'
    assert text in log.read_text()
    text = (
        'BlindReview has no method compare, whose results would be shown: see that of '
        'TemporalReview'
    )
    with refused(text):
        review_image(runner.model, None, 0)


def test_pictures_in_every_backend_and_a_training_that_notices_nothing(tmp_path, data):
    plain = Runner.from_cfg(config(tmp_path, data))
    watch = WatchRates()
    plain.register_hook(watch)
    plain.train()
    assert watch.foretold == watch.seen
    assert len({*watch.seen}) > 3

    cfg = config(tmp_path, data)
    cfg.custom_hooks.append(dict(type='TSKDVisualizationHook', image=1, level=1))
    backends = [dict(type=backend) for backend in BACKENDS]
    cfg.visualizer = dict(type='DetLocalVisualizer', vis_backends=backends)
    cfg.experiment_name += '_shown'
    Remember.pictures.clear()
    shown = Runner.from_cfg(cfg)
    shown.train()
    assert same_tensors(shown.model.state_dict(), plain.model.state_dict())
    check_pictures(shown)


def check_pictures(runner: Runner) -> None:
    steps = [('tskd_schedule', 1), ('tskd_attention', 4), ('tskd_attention', 8)]
    assert [picture[:2] for picture in Remember.pictures] == steps
    folder = Path(runner.log_dir, 'vis_data')
    for name, step, image in Remember.pictures:
        file = cv2.imread(str(folder / 'vis_image' / f'{name}_{step}.png'))[..., ::-1]
        assert image.dtype == np.uint8 and (file == image).all()
        assert image.std() > 20
    # Every review adds a row.
    (_, _, one), (_, _, two) = Remember.pictures[1:]
    assert one.shape[1] == two.shape[1] and two.shape[0] > one.shape[0] + 50
    [log] = folder.glob('events.out.tfevents.*')
    tags = [v.tag for e in EventFileLoader(str(log)).Load() for v in e.summary.value]
    assert [t for t in tags if t.startswith('tskd_')] == [name for name, _ in steps]


def test_pictures_in_wandb(tmp_path, data, monkeypatch):
    pytest.importorskip('wandb', reason='wandb is not installed (no requirement)')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    cfg = config(tmp_path, data)
    cfg.custom_hooks.append(dict(type='TSKDVisualizationHook'))
    backends = [dict(type='LocalVisBackend'), dict(type='WandbVisBackend')]
    cfg.visualizer = dict(type='DetLocalVisualizer', vis_backends=backends)
    cfg.experiment_name += '_wandb'
    runner = Runner.from_cfg(cfg)
    runner.train()
    runner.visualizer.close()
    folder = Path(runner.log_dir, 'vis_data')
    local = sorted((folder / 'vis_image').glob('tskd_*.png'))
    sent = sorted(folder.glob('wandb/offline-*/files/media/images/tskd_*.png'))
    assert len(local) == len(sent) == 3
    pixels = [{cv2.imread(str(file)).tobytes() for file in f} for f in (local, sent)]
    assert pixels[0] == pixels[1]


@pytest.mark.parametrize(
    'arguments, changes, text',
    [
        (
            {'image': 4},
            {},
            'image of TSKDVisualizationHook must be between 0 and 3, but got 4',
        ),
        (
            {'level': -1},
            {},
            'level of TSKDVisualizationHook must be between 0 and 1, but got -1',
        ),
        (
            {},
            {'val_loop': None},
            'TSKDVisualizationHook shows a validation image, but the config has no '
            'val_dataloader: add one, or remove the hook',
        ),
        (
            {},
            {'hooks': []},
            'TSKDVisualizationHook shows reviews, but there are none: add '
            'TSKDMemoryHook, or remove this hook',
        ),
    ],
)
def test_nothing_to_show(arguments, changes, text):
    model = TSKDDistiller.__new__(TSKDDistiller)
    vars(model).update(strides=[8, 16], review=SimpleNamespace(compare=None))
    runner = SimpleNamespace(
        hooks=[TSKDMemoryHook(interval=1)],
        train_dataloader=range(4),
        max_iters=16,
        val_loop='some',
        val_dataloader=SimpleNamespace(dataset=range(4)),
        model=model,
    )
    vars(runner).update(changes)
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        TSKDVisualizationHook(**arguments).before_train(runner)
