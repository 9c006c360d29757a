"""Trying other modes leaves no trace."""

import pytest
from toys import ToyNet

from tskd_mm.models.features.feature_tap import modes_restored


def test_every_module_gets_its_own_mode_back():
    net = ToyNet().train()
    net.backbone.eval()
    before = [module.training for module in net.modules()]
    with modes_restored(net):
        net.eval()
        net.backbone.train()
    assert [module.training for module in net.modules()] == before


def test_after_an_error_too():
    net = ToyNet().train()
    with pytest.raises(KeyError), modes_restored(net):
        raise KeyError(net.eval())
    assert all(module.training for module in net.modules())
