"""The distiller comes back as saved, or one line says why it cannot."""

import re

import pytest
import torch
from mmengine.config import ConfigDict
from saved_distiller import distiller_config, save_distiller
from toys import load_whole, tiny_retinanet

from tskd_mm.apis.load_distiller import load_distiller

pytestmark = pytest.mark.usefixtures('mmdet_scope')


def test_student_memories_and_predictors_are_those_of_the_checkpoint(tmp_path):
    config = distiller_config()
    saved = load_whole(save_distiller(config, tmp_path / 'a.pth'))
    model = load_distiller(config, tmp_path / 'a.pth')
    assert not model.training and model.teacher is not None
    assert model.state_dict().keys() == saved['state_dict'].keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, saved['state_dict'][name])
    state = model.tskd_state()
    assert [*state['memories']] == [0, 1, 2]
    for part in ('review', 'losses'):
        for name, tensor in saved['tskd'][part].items():
            assert torch.equal(state[part][name], tensor)


def test_preprocessor_at_the_top_level(tmp_path):
    """As in the configs of mmpretrain."""
    config = distiller_config()
    checkpoint = save_distiller(config, tmp_path / 'a.pth')
    config.data_preprocessor = config.model.student.pop('data_preprocessor')
    model = load_distiller(config, checkpoint)
    mean = config.data_preprocessor.mean
    assert model.data_preprocessor.mean.flatten().tolist() == pytest.approx(mean)


def test_checkpoint_without_memories(tmp_path):
    config = distiller_config()
    path = save_distiller(config, tmp_path / 'a.pth', memories=0)
    message = (
        f"{path} holds no memories (entry 'tskd'): give a checkpoint that a training "
        'with TSKDMemoryHook saved'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        load_distiller(config, path)


def test_second_names_of_weights_are_left_out(tmp_path):
    """DDQ saves parts of its head under two names."""
    config = distiller_config()
    path = save_distiller(config, tmp_path / 'a.pth')
    saved = load_whole(path)
    name = 'neck.fpn_convs.0.conv.weight'
    saved['state_dict']['again.fpn_convs.0.conv.weight'] = saved['state_dict'][name]
    torch.save(saved, path)
    model = load_distiller(config, path)
    assert torch.equal(model.student.get_parameter(name), saved['state_dict'][name])


def test_a_checkpoint_of_another_student(tmp_path):
    config = distiller_config()
    path = save_distiller(config, tmp_path / 'a.pth')
    config.model.student = tiny_retinanet(6)
    message = f'{path} does not fit RetinaNet: give the weights that were trained with'
    with pytest.raises(ValueError, match=f'^{re.escape(message)}'):
        load_distiller(config, path)


def test_config_without_distiller(tmp_path):
    config = ConfigDict(default_scope='mmdet', model=tiny_retinanet(4))
    message = (
        'the model of the config must be a TSKDDistiller, but it is RetinaNet: give '
        'the config that the student was distilled with'
    )
    with pytest.raises(TypeError, match=f'^{message}$'):
        load_distiller(config, tmp_path / 'a.pth')
