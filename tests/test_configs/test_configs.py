"""Every shipped recipe and baseline builds offline and takes a step in each phase."""

from pathlib import Path

import pytest
from config_steps import build, images, take_steps
from doc_blocks import ROOT

# The models of the COCO pair are those of a recipe: see test_baseline_configs.py.
CONFIGS = [
    path
    for folder in ('tskd', 'head', 'baselines')
    for path in sorted((ROOT / 'configs' / folder).glob('*.py'))
    if folder != 'baselines' or not path.stem.endswith('_coco')
]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_config_takes_a_step_in_each_phase(path: Path):
    config, model = build(path)
    assert (model.review is not None) == (path.parent.name == 'tskd')
    if path.parent.name == 'head':
        assert config.custom_hooks[-1].type == 'DistillationHook'
        losses = {*config.model.feature_losses, *config.model.head_losses}
        assert {*path.stem.partition('_')[0].split('-')} == losses
    take_steps(model, images(config, path, 32 if 'cifar' in path.stem else 64))
