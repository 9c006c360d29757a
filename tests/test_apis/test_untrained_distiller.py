"""Random batches and models fit together."""

import pytest
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.logging import MMLogger
from toys import run_config, same_tensors

from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.untrained_distiller import untrained_distiller

RECIPES = ROOT / 'configs' / 'tskd'


@pytest.mark.usefixtures('no_scope')
def test_the_distiller_trains(tmp_path, data):
    config = run_config(tmp_path, data)
    config.model.teacher_checkpoint = 'there is no such file'
    before = config.to_dict()
    logger = MMLogger.get_current_instance()
    level = logger.level
    model = untrained_distiller(config)
    assert config.to_dict() == before
    assert logger.level == level
    assert model.training and model.phase == 'general' and model.teacher is not None
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    batch = model.data_preprocessor(random_batch(config, 1, (64, 64)), True)
    model.parse_losses(model.loss(**batch))[0].backward()
    assert model.student.neck.fpn_convs[0].conv.weight.grad.abs().sum() > 0
    assert same_tensors(model.state_dict(), weights)


@pytest.mark.usefixtures('no_scope')
def test_a_deep_teacher_stays_within_half_precision():
    config = Config.fromfile(RECIPES / 'resnet110_to_resnet32_cifar100.py')
    model = untrained_distiller(config)
    assert not any(module.training for module in model.teacher.model.modules())
    batch = model.data_preprocessor(random_batch(config, images=8), True)
    seen = model.teacher(batch['inputs'], batch['data_samples'])
    assert max(x.abs().max() for x in [*seen.levels, seen.logits]) < 1000
