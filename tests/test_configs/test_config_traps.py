"""No shipped config loses a hook of its student's, or merges losses unawares."""

import functools
from pathlib import Path
from types import SimpleNamespace

import mmengine.config.utils
import pytest
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.registry import HOOKS, init_default_scope

from tskd_mm.engine.preflight.loss_lines import loss_lines
from tskd_mm.engine.preflight.lost_hooks import lost_hooks

FOLDER = ROOT / 'configs'
GROUPS = {
    'feature_losses': 'features',
    'logit_losses': 'logits',
    'head_losses': 'heads',
}


@pytest.fixture
def quick(monkeypatch):
    """A host's model index is read once, not anew for every config."""
    monkeypatch.syspath_prepend(str(FOLDER / 'study'))  # as tools/study does
    load = functools.cache(mmengine.config.utils.load)
    monkeypatch.setattr(mmengine.config.utils, 'load', load)


def hook_of(config: dict) -> object:
    """Of the class that a config names, without its arguments."""
    with HOOKS.switch_scope_and_registry(config.get('_scope_')) as registry:
        return object.__new__(registry.get(config['type']))


def distillations() -> list[tuple[Path, Config]]:
    """All configs whose model has a student."""
    folders = ['baselines', 'demo', 'head', 'tskd']
    # The files right under study/ are no configs of a training.
    folders += [f'study/{path.parent.name}' for path in FOLDER.glob('study/*/none.py')]
    paths = [path for name in folders for path in (FOLDER / name).rglob('*.py')]
    found = [(path, Config.fromfile(path)) for path in sorted(paths)]
    return [(p, config) for p, config in found if 'student' in config.get('model', {})]


def losses_of(config: Config) -> SimpleNamespace:
    """As much of a distiller as the names of its losses."""
    groups = {short: config.model.get(name) or {} for name, short in GROUPS.items()}
    return SimpleNamespace(
        static_losses=SimpleNamespace(**groups),
        review=None,
        balance=SimpleNamespace(shares={}),
        loss_factors={},
    )


@pytest.mark.usefixtures('quick')
def test_no_hook_is_lost_and_no_loss_comes_in_unseen():
    hosts = 0
    configs = distillations()
    for path, config in configs:
        init_default_scope(config.default_scope)
        hooks = [hook_of(hook) for hook in config.custom_hooks]
        hosts += len(hooks) > 1
        runner = SimpleNamespace(cfg=config, hooks=hooks)
        assert [*lost_hooks(runner)] == [], path
        lines = loss_lines(config, losses_of(config))
        assert [warning for _, warning in lines if warning] == [], path
    assert len(configs) > 70
    assert hosts >= 5  # YOLOX and RTMDet, with TSKD and with losses on heads
