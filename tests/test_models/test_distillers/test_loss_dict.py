import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from refusals import refused
from runs import saving
from toys import load_whole, run_config

from tskd_mm.models.distillers.loss_dict import check_finite, task_total


def text(name: str, value: str, images: str) -> str:
    return (
        f'{name} is {value} for the images {images}: training stops here and the last '
        'checkpoint stays; look at these images and their annotations, lower the '
        'learning rate or the weight of this loss, or clip the gradients, then resume'
    )


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_the_loss_and_the_images_are_named(value):
    samples = [DetDataSample(metainfo={'img_id': n}) for n in (17, 4)]
    good, bad = torch.ones(2), torch.tensor(float(value))
    check_finite({'loss_cls': [good, good], 'loss_box': good}, samples)
    check_finite({'loss_cls': good, 'accuracy': bad}, samples)
    check_finite({}, samples)
    with refused(text('loss_box', value, '[17, 4]'), FloatingPointError):
        check_finite({'loss_cls': good, 'loss_box': [good, bad]}, samples)
    paths = [DataSample(metainfo={'img_path': 'a.png'}), DataSample()]
    with refused(text('loss', value, "['a.png', 'unknown']"), FloatingPointError):
        check_finite({'loss': bad}, paths)
    many = [DataSample(metainfo={'img_id': n}) for n in range(11)]
    with refused(text('loss', value, f'{[*range(8)]} and 3 more'), FloatingPointError):
        check_finite({'loss': bad}, many)
    with refused(text('loss', value, f'{[*range(8)]}'), FloatingPointError):
        check_finite({'loss': bad}, many[:8])


def test_the_task_loss_is_the_host_s_sum():
    loss = torch.rand(3, requires_grad=True)
    task = {'loss_cls': [*loss], 'loss_box': loss[1], 'map_loss': loss, 'acc': loss}
    total, _ = BaseModel.parse_losses(None, task)
    found = task_total(task)
    torch.testing.assert_close(found, total)


class Poison(Hook):
    """Makes one weight infinite before the third epoch."""

    def before_train_epoch(self, runner: Runner) -> None:
        if runner.epoch == 2:
            runner.model.student.bbox_head.retina_reg.weight.data[0] = float('inf')


def test_training_stops_and_the_last_checkpoint_stays(tmp_path, data):
    config = saving(run_config(tmp_path, data), max_keep_ckpts=1)
    runner = Runner.from_cfg(config)
    runner.register_hook(Poison())
    with pytest.raises(FloatingPointError, match=r'^loss_bbox is (nan|inf) for the'):
        runner.train()
    saved = load_whole(tmp_path / 'work' / 'epoch_2.pth')['state_dict']
    assert all(torch.isfinite(t).all() for t in saved.values())
    assert (tmp_path / 'work' / 'last_checkpoint').read_text().endswith('epoch_2.pth')
