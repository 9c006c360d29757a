"""The panel says what a student starts from."""

import pytest
import torch
from mmengine.model import BaseModule

from tskd_mm.engine.preflight.student_start import PretrainedPart, pretrained_parts


class Net(BaseModule):
    def __init__(self, init_cfg=None) -> None:
        super().__init__(init_cfg)
        self.first, self.second = torch.nn.Linear(3, 2), torch.nn.Linear(2, 1)
        self.register_buffer('steps', torch.tensor(3))


class Model(torch.nn.Module):
    def __init__(self, *init_cfg) -> None:
        super().__init__()
        self.backbone = Net([*init_cfg])


def saved(tmp_path, content) -> str:
    torch.save(content, tmp_path / 'net.pth')
    return str(tmp_path / 'net.pth')


@pytest.mark.parametrize('entry', ['state_dict', None])
def test_all_is_there(tmp_path, entry):
    weights = {f'backbone.{k}': v for k, v in Net().state_dict().items()}
    file = saved(tmp_path, {entry: weights} if entry else weights)
    model = Model(dict(type='Pretrained', checkpoint=file, prefix='backbone.'))
    [before] = pretrained_parts(model)
    assert before == PretrainedPart('backbone', 'Net', file, 0, 4)
    assert before.random
    model.backbone.init_weights()
    [part] = pretrained_parts(model)
    assert (part.found, part.total) == (4, 4)
    assert not part.random
    assert str(part) == f'backbone: 4 of 4 tensors from {file}'


def test_weights_under_model(tmp_path):
    """Where Swin's authors, and with them mmdet's Swin, have them."""
    model = Model()
    file = saved(tmp_path, {'model': model.backbone.state_dict()})
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint=file)
    [part] = pretrained_parts(model)
    assert (part.found, part.total) == (4, 4)


def test_other_order_and_shape(tmp_path):
    """Some models turn what they load."""
    model = Model()
    file = saved(tmp_path, model.backbone.state_dict())
    model.backbone.init_cfg = dict(type='Pretrained', checkpoint=file)
    with torch.no_grad():
        first = model.backbone.first.weight
        first.copy_(first.flip(1))
        model.backbone.second.weight *= 2
    [part] = pretrained_parts(model)
    assert part.found == 3


def test_half_is_enough(tmp_path):
    def part(found: int) -> PretrainedPart:
        return PretrainedPart('', 'Net', 'net.pth', found, 4)

    assert str(part(2)) == 'the student: 2 of 4 tensors from net.pth'
    assert [part(n).random for n in (0, 1, 2, 4)] == [True, True, False, False]


def test_other_ways_to_start():
    assert [*pretrained_parts(Model(dict(type='Normal', layer='Linear')))] == []
    assert [*pretrained_parts(torch.nn.Linear(1, 1))] == []
