"""The mean of checkpoints, by hand, and what EMAHook put aside."""

from pathlib import Path

import pytest
import torch
from digits_run import Digits, classifier, digits_config
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from refusals import refused
from torch import nn
from toys import load_whole, photos, run_tool, same_tensors

from tools.model_converters.average_checkpoints import (
    average,
    own_weights,
    recalibrate,
    training_images,
)
from tskd_mm.models.loading.model_config import find_model

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / 'tools' / 'model_converters' / 'average_checkpoints.py'

STATE_COUNT = 'backbone.bn1.num_batches_tracked'


def states(number: int) -> list[dict]:
    """Of the classifier, each at random and with a counter of its own."""
    found = []
    for index in range(number):
        model = MODELS.build(dict(_scope_='mmpretrain', **classifier()))
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.normal_()
        model.backbone.bn1.num_batches_tracked.fill_(10 * index)
        found.append(model.state_dict())
    return found


def test_the_command_writes_the_mean(tmp_path):
    Config(dict(model=classifier(), default_scope='mmpretrain')).dump(
        tmp_path / 'model.py'
    )
    checkpoints = states(3)
    files = [f'{number}.pth' for number in range(3)]
    for file, state in zip(files, checkpoints):
        torch.save({'state_dict': state, 'meta': {'epoch': 12}}, tmp_path / file)
    run_tool(tmp_path, str(TOOL), 'model.py', *files, 'out/mean.pth')
    content = torch.load(tmp_path / 'out' / 'mean.pth', weights_only=True)
    assert content.keys() == {'state_dict'}
    found = content['state_dict']
    assert list(found) == list(checkpoints[0])
    for name, tensor in found.items():
        a, b, c = (state[name].double() for state in checkpoints)
        if name.endswith('num_batches_tracked'):
            assert tensor == c and tensor.dtype == torch.long
        else:
            torch.testing.assert_close(tensor.double(), (a + b + c) / 3)
    assert found[STATE_COUNT] == 20


def test_one_checkpoint_is_its_own_mean():
    [state] = states(1)
    assert same_tensors(average([state]), state)


def test_another_model_is_refused(tmp_path):
    Config(dict(model=classifier(depth=14), default_scope='mmpretrain')).dump(
        tmp_path / 'model.py'
    )
    torch.save({'state_dict': states(1)[0]}, tmp_path / 'a.pth')
    with pytest.raises(RuntimeError, match=r'a\.pth does not fit ImageClassifier'):
        run_tool(tmp_path, str(TOOL), 'model.py', 'a.pth', 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


class Normalized(nn.Module):
    """A batch norm that trains and one that stays in eval mode, then dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.trained, self.frozen = nn.BatchNorm2d(3, momentum=0.01), nn.BatchNorm2d(3)
        self.dropout = nn.Dropout(0.9)

    def train(self, mode: bool = True) -> 'Normalized':
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, inputs, data_samples, mode: str):
        return self.frozen(self.dropout(self.trained(inputs)))


def test_recalibrated_statistics_are_means_over_batches():
    model = Normalized()
    model.trained.running_mean.fill_(7)
    model.frozen.running_mean.fill_(7)
    batches = [torch.randn(4, 3, 5, 5) * k + k for k in (1, 2, 3)]
    recalibrate(model, [dict(inputs=batch, data_samples=None) for batch in batches])
    means = torch.stack([batch.mean((0, 2, 3)) for batch in batches])
    variances = torch.stack([batch.var((0, 2, 3)) for batch in batches])
    torch.testing.assert_close(model.trained.running_mean, means.mean(0))
    torch.testing.assert_close(model.trained.running_var, variances.mean(0))
    assert model.frozen.running_mean.eq(7).all()
    assert model.trained.momentum == 0.01
    assert not any(module.training for module in model.modules())


def test_a_model_without_batch_norm_is_not_recalibrated():
    text = 'Conv2d trains no batch norm: leave --recalibrate out'
    with refused(text):
        recalibrate(nn.Conv2d(1, 1, 1), [])


def test_images_to_recalibrate_with(tmp_path, monkeypatch):
    plain = Digits.__getitem__

    def augmented(digits: Digits, index: int) -> dict:
        found = plain(digits, index)
        return {**found, 'inputs': found['inputs'] + torch.rand(1)}

    monkeypatch.setattr(Digits, '__getitem__', augmented)
    config = digits_config(tmp_path)
    config.model = dict(_scope_='mmpretrain', **classifier())
    model = MODELS.build(config.model)
    batches = [*training_images(config, model, 80)]
    assert [tuple(batch['inputs'].shape) for batch in batches] == [(32, 3, 8, 8)] * 3
    again = training_images(config, model, 80)
    assert all(x['inputs'].equal(y['inputs']) for x, y in zip(batches, again))


def test_the_command_recalibrates_and_leaves_out_what_is_no_weight(tmp_path):
    config = digits_config(tmp_path)
    config.model = dict(_scope_='mmpretrain', **classifier())
    config.custom_imports = dict(imports=['tskd_mm', 'digits_run'])
    Config(config).dump(tmp_path / 'model.py')
    first, last = states(2)
    extras = {'ema_backbone.conv1.weight': torch.ones(1), **last}
    for name, state in (('a.pth', first), ('b.pth', extras)):
        torch.save({'state_dict': state}, tmp_path / name)
    command = str(TOOL), 'model.py', 'a.pth', 'b.pth', 'out.pth', '--recalibrate', '80'
    run_tool(tmp_path, *command, PYTHONPATH=f'{ROOT}:{ROOT / "tests" / "helpers"}')
    found = load_whole(tmp_path / 'out.pth')['state_dict']
    model = MODELS.build(config.model)
    model.load_state_dict(average([first, last]))
    recalibrate(model, training_images(config, model, 80))
    assert same_tensors(found, model.state_dict())
    assert found['backbone.bn1.num_batches_tracked'] == 3


def test_a_detector_of_two_stages_is_recalibrated():
    """It asks for the sizes of its images."""
    path = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
    config = find_model(path, 'student').config
    config.backbone.update(init_cfg=None, norm_eval=False, frozen_stages=-1)
    init_default_scope('mmdet')
    model = MODELS.build(config)
    data = model.data_preprocessor(photos(), False)
    recalibrate(model, [data])
    assert model.backbone.bn1.running_mean.abs().min() > 0


def test_the_own_weights_of_a_student_with_a_moving_average(tmp_path):
    config = digits_config(tmp_path)
    config.custom_hooks += [
        dict(type='EMAHook', momentum=0.1, update_buffers=True),
    ]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=4)
    runner = Runner.from_cfg(config)
    runner.train()
    file = str(tmp_path / 'work' / 'epoch_4.pth')
    own = own_weights(file)
    assert same_tensors(own, runner.model.state_dict())
    assert not same_tensors(own, load_whole(file)['state_dict'])
    assert own.keys() == load_whole(file)['state_dict'].keys()


def test_own_weights_of_a_training_without_average(tmp_path):
    torch.save({'state_dict': states(1)[0]}, tmp_path / 'a.pth')
    file = str(tmp_path / 'a.pth')
    text = (
        f"{file} has no entry 'ema_state_dict': it is of a training without EMAHook, "
        'whose weights are the own ones; leave --own out'
    )
    with refused(text):
        own_weights(file)
