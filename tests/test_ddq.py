"""DDQ registers parts when it first trains; its checkpoints have their names, too."""

import pytest
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.registry import MODELS

from tskd_mm.engine.resume.checkpoint_entry import _check_student
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.loading.strict_loading import load_strictly

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmdet_scope')]


def ddq() -> torch.nn.Module:
    name = 'mmdet::ddq/ddq-detr-4scale_r50_8xb2-12e_coco.py'
    config = find_model(name, 'student').config
    config.backbone.update(depth=18, init_cfg=None)
    config.neck.in_channels = [128, 256, 512]
    config.update(num_queries=30)
    return MODELS.build(config)


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
