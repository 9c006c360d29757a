"""The panel says what a student starts from."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModule

from tskd_mm.engine.preflight.weight_origin import student_origins

WARNING = (
    'the student starts mostly from random weights ({line}): the file has other names '
    'than {type}{prefix}; {advice}'
)
FOR_INIT_CFG = (
    'take the model of the library that the file was made with, such as '
    "type='mmpretrain.MobileNetV2', or correct the prefix in init_cfg"
)
FOR_LOAD_FROM = 'give load_from a checkpoint of this student under its own names'


class Net(BaseModule):
    def __init__(self, init_cfg=None) -> None:
        super().__init__(init_cfg)
        self.first, self.second = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)
        self.norm = torch.nn.BatchNorm1d(2)  # the same in every new net


class Model(torch.nn.Module):
    def __init__(self, *init_cfg) -> None:
        super().__init__()
        self.backbone = Net([*init_cfg])


def run(load_from=None, resume=False, work_dir='') -> SimpleNamespace:
    return SimpleNamespace(_load_from=load_from, _resume=resume, work_dir=work_dir)


def saved(tmp_path, content) -> str:
    torch.save(content, tmp_path / 'net.pth')
    return str(tmp_path / 'net.pth')


def test_a_pretrained_part_before_and_after_it_is_initialised(tmp_path):
    weights = {f'backbone.{k}': v for k, v in Net().state_dict().items()}
    file = saved(tmp_path, {'state_dict': weights})
    model = Model(dict(type='Pretrained', checkpoint=file, prefix='backbone.'))
    line = f'backbone: 0 of 4 tensors from {file}'
    hint = " (they start with 'backbone.')"
    warning = WARNING.format(line=line, type='Net', prefix=hint, advice=FOR_INIT_CFG)
    assert [*student_origins(run(), model)] == [(line, warning)]
    model.backbone.init_weights()
    line = f'backbone: 4 of 4 tensors from {file}'
    assert [*student_origins(run(), model)] == [(line, '')]


@pytest.mark.parametrize('entry', ['state_dict', 'model', None])
def test_weights_wherever_the_file_has_them(tmp_path, entry):
    """Swin's authors, and with them mmdet's Swin, have them under ``model``."""
    model = Model()
    weights = model.backbone.state_dict()
    file = saved(tmp_path, {entry: weights} if entry else weights)
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint=file)
    line = f'backbone: 4 of 4 tensors from {file}'
    assert [*student_origins(run(), model)] == [(line, '')]


def test_tensors_that_a_model_turned_count(tmp_path):
    model = Model()
    file = saved(tmp_path, model.backbone.state_dict())
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint=file)
    with torch.no_grad():
        first = model.backbone.first.weight
        first.copy_(first.flip(1))
        model.backbone.second.weight *= 2
    line = f'backbone: 3 of 4 tensors from {file}'
    assert [*student_origins(run(), model)] == [(line, '')]


@pytest.mark.parametrize('changed, warned', [(2, False), (3, True)])
def test_a_warning_below_half(tmp_path, changed, warned):
    net = Net()
    file = saved(tmp_path, {'state_dict': net.state_dict()})
    with torch.no_grad():
        for parameter in [*net.parameters()][:changed]:
            parameter += 1
    [(line, warning)] = student_origins(run(file), net)
    assert line == f'the student: {4 - changed} of 4 tensors from {file}'
    assert bool(warning) == warned


@pytest.mark.parametrize(
    'front, hint', [('architecture.', " (they start with 'architecture.')"), ('', '')]
)
def test_load_from_under_other_names(tmp_path, front, hint):
    """It replaces what its parts were initialised with, so that is left out."""
    weights = {front + k: v for k, v in Model().state_dict().items()}
    file = saved(tmp_path, {'state_dict': weights})
    model = Model(dict(type='Pretrained', checkpoint='no.pth'))
    line = f'the student: 0 of 4 tensors from {file}'
    warning = WARNING.format(line=line, type='Model', prefix=hint, advice=FOR_LOAD_FROM)
    assert [*student_origins(run(file), model)] == [(line, warning)]


def test_a_resumed_run_takes_its_student_from_beside_the_average(tmp_path):
    model = Model()
    student = {f'module.{k}': v for k, v in model.state_dict().items()}
    content = {'state_dict': Model().state_dict(), 'ema_state_dict': student}
    file = saved(tmp_path, content)
    (tmp_path / 'last_checkpoint').write_text(file)
    [found] = student_origins(run(resume=True, work_dir=str(tmp_path)), model)
    assert found == (f'the student: 4 of 4 tensors from {file}', '')


def test_no_file(tmp_path):
    model = Model(dict(type='Normal', layer='Linear'))
    first_start = run(resume=True, work_dir=str(tmp_path))
    assert [*student_origins(first_start, model)] == []
    assert [*student_origins(run(), torch.nn.Linear(1, 1))] == []
