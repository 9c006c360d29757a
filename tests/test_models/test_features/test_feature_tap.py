"""What taps see, and that they leave no trace."""

import pytest
import torch
from refusals import refused
from torch import Tensor, nn
from toys import DroppingNet, ToyNet, forward_hooks

from tskd_mm.models.features.dry_run import dry_run
from tskd_mm.models.features.feature_tap import FeatureTap

IMAGES = torch.rand(2, 3, 12, 8)


def test_a_neck_gives_one_level_for_each_map():
    net = ToyNet().eval()
    expected = net.neck(net.backbone(IMAGES))
    features = FeatureTap(net, ['neck']).run(lambda: net(IMAGES))
    assert [tuple(f.shape) for f in features.levels] == [(2, 4, 6, 4), (2, 4, 3, 2)]
    assert all(map(torch.equal, features.levels, expected))
    assert features.logits is None


def test_levels_come_in_the_order_of_the_taps():
    net = ToyNet().eval()
    backbone = net.backbone(IMAGES)
    first, second = net.neck(backbone)
    tap = FeatureTap(net, ['neck', 'backbone', 'backbone.0'])
    features = tap.run(lambda: net(IMAGES))
    expected = [first, second, backbone, net.backbone[0](IMAGES)]
    assert len(features.levels) == 4
    assert all(map(torch.equal, features.levels, expected))


def test_a_tap_that_is_named_twice_gives_two_levels():
    net = ToyNet().eval()
    net.backbone = nn.Sequential(net.backbone, nn.AdaptiveAvgPool2d(1))
    net.neck = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 1, 1)))
    tap = FeatureTap(net, ['backbone', 'backbone', 'neck'])
    with tap.record() as features:
        net.neck(net.backbone(IMAGES))
    assert len(features.levels) == 3
    assert torch.equal(features.levels[0], features.levels[1])


def test_levels_are_chosen_and_ordered_by_their_index():
    net = ToyNet().eval()
    first, second = net.neck(net.backbone(IMAGES))
    tap = FeatureTap(net, ['neck'], logits='head')
    assert dry_run(tap).strides == [2, 4]
    tap.levels = [1]
    assert dry_run(tap).strides == [4]
    bare = tap.without_logits()
    found = bare.run(lambda: net(IMAGES))
    assert len(found.levels) == 1
    assert torch.equal(found.levels[0], second)
    assert (bare.logits, tap.logits) == (None, 'head')
    tap.levels = [1, 0]
    assert all(map(torch.equal, tap.run(lambda: net(IMAGES)).levels, (second, first)))


@pytest.mark.parametrize(
    'path, logits, calls',
    [
        ('neck', None, {'backbone': 1, 'head': 0}),
        ('backbone.0', None, {'backbone': 0, 'head': 0}),  # stopped in the backbone
        ('neck', 'head', {'backbone': 1, 'head': 1}),
    ],
)
def test_run_stops_when_everything_is_seen(path: str, logits: str | None, calls: dict):
    net = ToyNet().eval()
    FeatureTap(net, [path], logits).run(lambda: net(IMAGES))
    assert net.calls == calls


def test_recording_lets_the_model_finish():
    net = ToyNet().eval()
    tap = FeatureTap(net, ['neck'], logits='head')
    with tap.record() as features:
        scores = net(IMAGES)
        assert features.levels == []
    assert net.calls['head'] == 1
    assert torch.equal(features.logits, scores)
    assert torch.equal(tap.run(lambda: net(IMAGES)).logits, scores)
    assert all(map(torch.equal, features.levels, net.neck(net.backbone(IMAGES))))
    assert features.levels[0].requires_grad


def test_a_replaced_module_is_found():
    net = ToyNet().eval()
    tap = FeatureTap(net, ['backbone'])
    net.backbone = nn.Conv2d(3, 4, 1)
    features = tap.run(lambda: net(IMAGES))
    assert torch.equal(features.levels[0], net.backbone(IMAGES))


@pytest.mark.parametrize('way', ['run', 'record', 'dry run'])
def test_hooks_go_when_the_forward_pass_fails(way: str):
    net = ToyNet().train()
    tap, hooks = FeatureTap(net, ['neck']), forward_hooks(net)
    net.neck.down = nn.Conv2d(99, 1, 1)
    if way == 'record':
        with pytest.raises(RuntimeError, match='channels'), tap.record():
            net(IMAGES)
    else:
        call = {
            'run': lambda: tap.run(lambda: net(IMAGES)),
            'dry run': lambda: dry_run(tap),
        }
        with pytest.raises((RuntimeError, ValueError), match='channels'):
            call[way]()
    assert forward_hooks(net) == hooks
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    'path, wrong, owner, children',
    [
        ('nek', 'nek', 'ToyNet', 'backbone, neck, head'),
        ('neck.up', 'up', 'ToyNeck', 'down'),
        ('neck.down.deep.er', 'deep', 'Conv2d', 'none'),
        ('calls', 'calls', 'ToyNet', 'backbone, neck, head'),
    ],
)
def test_an_unknown_module_is_refused(path: str, wrong: str, owner: str, children: str):
    text = (
        f'ToyNet has no module {path!r} to tap: {wrong!r} is not among the children of '
        f'its {owner} ({children}); correct '
    )
    for setting, arguments in (
        ('student_taps', ([path],)),
        ('logit_tap', (['neck'], path)),
        ('my_taps', ([path], None, ('my_taps', 'my_logits'))),
        ('my_logits', (['neck'], path, ('my_taps', 'my_logits'))),
    ):
        with refused(text + setting):
            FeatureTap(ToyNet(), *arguments)


class _Twice(ToyNet):
    """Its backbone sees two sizes, as a head sees the levels of a pyramid."""

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        self.backbone(inputs[..., ::2, ::2])
        return super().forward(inputs)


def test_a_module_that_is_called_twice_is_refused():
    net = _Twice()
    text = (
        "the tapped module 'backbone' runs more than once in a forward pass (a head "
        'shared by several levels?): tap one that runs once, such as the neck'
    )
    with refused(text), FeatureTap(net, ['backbone']).record():
        net(IMAGES)
    with refused(text):
        dry_run(FeatureTap(net, ['backbone']))  # before training


def test_a_module_that_is_not_called_is_refused():
    net = DroppingNet()
    text = (
        "the forward pass of DroppingNet did not call the tapped module 'unused': "
        'choose a module that it calls'
    )
    tap = FeatureTap(net, ['neck', 'unused'])
    with refused(text):
        tap.run(lambda: net(IMAGES))
    with refused(text), tap.record():
        net(IMAGES)
