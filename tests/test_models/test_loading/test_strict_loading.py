"""A model takes weights that fit it, all of them and no others."""

from pathlib import Path

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.registry import MODELS
from refusals import refused
from torch import nn
from toys import same_tensors

from tskd_mm.engine.resume.checkpoint_entry import _check_student
from tskd_mm.models.loading.checkpoint import load_weights
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.loading.strict_loading import load_strictly


def _save(folder: Path, content: object) -> str:
    torch.save(content, folder / 'file.pth')
    return str(folder / 'file.pth')


@pytest.mark.parametrize(
    'leftover', [{}, {'data_preprocessor.mean': torch.ones(3), 'ema_w': torch.ones(1)}]
)
def test_weights_that_fit_are_loaded_without_leftovers_of_older_hosts(
    tmp_path: Path, leftover: dict
):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    content = {'state_dict': source.state_dict() | leftover}
    load_strictly(target, _save(tmp_path, content))
    assert same_tensors(target.state_dict(), source.state_dict())


def test_the_modules_own_conversions_apply(tmp_path: Path):
    source, target = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    source.running_mean.fill_(3)
    state = dict(source.state_dict())  # no metadata and
    del state['num_batches_tracked']  # no counter: as before PyTorch 0.4.1
    load_strictly(target, _save(tmp_path, state))
    assert same_tensors(target.state_dict(), source.state_dict())
    state = source.state_dict()
    del state['num_batches_tracked']  # of today: the counter is missed
    with pytest.raises(ValueError, match='Missing key.*num_batches_tracked'):
        load_strictly(target, _save(tmp_path, {'state_dict': state}))


def test_strict_loading_lists_every_problem(tmp_path: Path):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = {
        '0.weight': torch.zeros(2, 3),
        '0.bias': torch.zeros(3),
        '1.weight': torch.zeros(1, 3),
        'old': torch.zeros(1),
    }
    path = _save(tmp_path, state)
    text = (
        f'{path} does not fit Sequential: give the weights that were trained with this '
        'very config\n'
        '\tMissing key(s) in state_dict: "1.bias". \n'
        '\tUnexpected key(s) in state_dict: "old". \n'
        '\tsize mismatch for 0.weight: copying a param with shape torch.Size([2, 3]) '
        'from checkpoint, the shape in current model is torch.Size([3, 2]).'
    )
    with refused(text):
        load_strictly(model, path)


class _TwoNames(nn.Module):
    """Made up, after DDQ: the decoder gets branches of the head in training."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.decoder = nn.Module(), nn.Module()
        self.head.branches = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def train_once(self) -> None:
        self.decoder.branches = self.head.branches


def test_second_names_of_weights_are_left_out(tmp_path: Path):
    trained, fresh = _TwoNames(), _TwoNames()
    trained.train_once()
    path = _save(tmp_path, trained.state_dict())
    assert 'decoder.branches.1.bias' in load_weights(path)
    load_strictly(fresh, path)
    expected = trained.head.state_dict()
    assert same_tensors(fresh.head.state_dict(), expected)


def test_other_weights_under_such_a_name_are_refused(tmp_path: Path):
    trained = _TwoNames()
    trained.train_once()
    weights = {name: value.clone() for name, value in trained.state_dict().items()}
    weights['decoder.branches.1.bias'] += 1
    with pytest.raises(ValueError, match=r'Unexpected key.*"decoder.branches.1.bias"'):
        load_strictly(_TwoNames(), _save(tmp_path, weights))
    weights = trained.state_dict() | {'decoder.more': torch.ones(2)}
    with pytest.raises(ValueError, match=r'Unexpected key.*: "decoder.more"'):
        load_strictly(_TwoNames(), _save(tmp_path, weights))


def ddq() -> nn.Module:
    """It registers parts when it first trains."""
    name = 'mmdet::ddq/ddq-detr-4scale_r50_8xb2-12e_coco.py'
    config = find_model(name, 'student').config
    config.backbone.update(depth=18, init_cfg=None)
    config.neck.in_channels = [128, 256, 512]
    config.update(num_queries=30)
    return MODELS.build(config)


@pytest.mark.slow
@pytest.mark.usefixtures('mmdet_scope')
def test_weights_of_a_trained_ddq_are_loaded_and_resumed(tmp_path):
    trained, fresh = ddq(), ddq()
    data = trained.data_preprocessor(demo_mm_inputs(1, [[3, 64, 64]]), True)
    trained.train()(**data, mode='loss')
    weights = trained.state_dict()
    again = weights.keys() - fresh.state_dict().keys()
    assert again
    assert all(name.startswith('decoder.aux_reg_branches.') for name in again)
    torch.save({'state_dict': weights}, tmp_path / 'ddq.pth')
    load_strictly(fresh, str(tmp_path / 'ddq.pth'))
    assert all(torch.equal(v, weights[k]) for k, v in fresh.state_dict().items())
    _check_student(weights, ddq())
