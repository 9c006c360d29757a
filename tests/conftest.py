"""What all tests have in common. They are tests of the CPU."""

import os
import random
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope, init_default_scope

import tskd_mm  # noqa: F401  (registers the components)

# Golden numbers and equal bits are those of a CPU; processes that tests start obey too.
os.environ['CUDA_VISIBLE_DEVICES'] = ''
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent / 'helpers'), str(ROOT)]


@pytest.fixture(autouse=True)
def reproducible():
    """The same whatever ran before: any test may follow any other."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    yield
    torch.use_deterministic_algorithms(False)  # a runner does not switch back


@pytest.fixture
def mmdet_scope():
    """The default scope of a detector's config."""
    before = DefaultScope.get_current_instance()
    init_default_scope('mmdet')
    yield
    if before is not None:
        init_default_scope(before.scope_name)


@pytest.fixture
def data(tmp_path: Path) -> dict:
    """Four images with boxes of three classes."""
    from toys import coco_set

    folder = tmp_path / 'images'
    folder.mkdir()
    return coco_set(folder)


@pytest.fixture
def no_scope(monkeypatch):
    """No default scope, as in a Python that has run nothing yet."""
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Real images and weights for development; see their README."""
    folder = Path(os.environ.get('TSKD_SHARED_DATA', ROOT.parent / 'shared' / 'data'))
    if not folder.is_dir():
        pytest.skip(f'real data is not at {folder} (TSKD_SHARED_DATA)')
    return folder
