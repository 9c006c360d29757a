"""What a blank image shows of the taps of a model."""

import pytest
import torch
from refusals import refused
from torch import Tensor
from toys import DroppingNet, ToyNet, forward_hooks, same_tensors

from tskd_mm.models.features.dry_run import dry_run, modes_restored
from tskd_mm.models.features.feature_tap import FeatureTap


def test_a_dry_run_leaves_the_model_as_it_was():
    net = DroppingNet().train()
    net.backbone[1].eval()
    net.neck.down.weight.grad = torch.ones(4, 4, 3, 3)
    modes = [module.training for module in net.modules()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random_state, hooks = torch.get_rng_state(), forward_hooks(net)
    found = dry_run(FeatureTap(net, ['neck']))
    assert found.shapes == [(4, 64, 64), (4, 32, 32)]
    assert [module.training for module in net.modules()] == modes
    assert same_tensors(net.state_dict(), state)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(net.neck.down.weight.grad, torch.ones(4, 4, 3, 3))
    assert net.backbone[0].weight.grad is None
    assert forward_hooks(net) == hooks


def test_a_dry_run_sees_a_blank_image_in_eval_mode():
    net = DroppingNet().train()
    net.backbone[1].running_mean.fill_(0.3)
    seen = []
    net.backbone.register_forward_hook(lambda *call: seen.append(call[2]))
    dry_run(FeatureTap(net, ['backbone']))
    expected = net.eval().backbone(torch.zeros(1, 3, 128, 128))
    torch.testing.assert_close(seen[0], expected)


class _Heads(ToyNet):
    """Its neck returns a map for each of two attention heads."""

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        return super().forward(inputs.repeat(2, 1, 1, 1))


def test_a_map_for_each_head_is_refused():
    text = (
        "student_taps ['neck'] must return one map an image, but for one image a "
        'module returned 2 (of heads or windows?): tap a module around it'
    )
    with refused(text):
        dry_run(FeatureTap(_Heads(), ['neck']))


class _Needy(ToyNet):
    """Needs annotations behind its neck."""

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        super().forward(inputs)
        return len(data_samples)


def test_a_dry_run_needs_nothing_behind_the_taps():
    assert dry_run(FeatureTap(_Needy(), ['neck'])).strides == [2, 4]


class _Picky(ToyNet):
    """Takes images of one size."""

    size = 224

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        assert inputs.shape[-1] == self.size, f'only {self.size}'
        return super().forward(inputs)


def test_a_dry_run_tries_other_sizes_where_one_is_refused():
    net = _Picky()
    assert dry_run(FeatureTap(net, ['neck'])).strides == [2, 4]
    net.size = 999
    text = (
        '_Picky must take a blank image of one of (128, 512, 224) pixels on the CPU, '
        'to show its levels, but with the last it failed: only 999…'
    )
    with refused(text):
        dry_run(FeatureTap(net, ['neck']))


def test_every_module_gets_its_own_mode_back():
    net = ToyNet().train()
    net.backbone.eval()
    before = [module.training for module in net.modules()]
    with pytest.raises(KeyError), modes_restored(net):
        raise KeyError(net.eval(), net.backbone.train())
    assert [module.training for module in net.modules()] == before
