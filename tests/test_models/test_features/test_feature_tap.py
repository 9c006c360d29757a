"""What taps see, and that they leave no trace."""

import pytest
import torch
from refusals import refused
from torch import Tensor, nn
from toys import ToyNet, same_tensors

from tskd_mm.models.features.feature_tap import FeatureTap, modes_restored

IMAGES = torch.rand(2, 3, 12, 8)


class _Dropping(ToyNet):
    """With dropout, a part that nothing calls and a part that returns no map."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.unused = nn.Conv2d(1, 1, 1)
        self.flat = nn.Flatten()

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        self.flat(inputs)
        return super().forward(self.drop(inputs), data_samples, mode)


def _hooks(net: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in net.modules())


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
    assert tap.inspect().strides == [2, 4]
    tap.levels = [1]
    assert tap.inspect().strides == [4]
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


def test_a_dry_run_leaves_the_model_as_it_was():
    net = _Dropping().train()
    net.backbone[1].eval()
    net.neck.down.weight.grad = torch.ones(4, 4, 3, 3)
    modes = [module.training for module in net.modules()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random_state, hooks = torch.get_rng_state(), _hooks(net)
    found = FeatureTap(net, ['neck']).inspect()
    assert found.shapes == [(4, 64, 64), (4, 32, 32)]
    assert [module.training for module in net.modules()] == modes
    assert same_tensors(net.state_dict(), state)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(net.neck.down.weight.grad, torch.ones(4, 4, 3, 3))
    assert net.backbone[0].weight.grad is None
    assert _hooks(net) == hooks


def test_a_dry_run_sees_a_blank_image_in_eval_mode():
    net = _Dropping().train()
    net.backbone[1].running_mean.fill_(0.3)
    seen = []
    net.backbone.register_forward_hook(lambda *call: seen.append(call[2]))
    FeatureTap(net, ['backbone']).inspect()
    expected = net.eval().backbone(torch.zeros(1, 3, 128, 128))
    torch.testing.assert_close(seen[0], expected)


@pytest.mark.parametrize('way', ['run', 'record', 'inspect'])
def test_hooks_go_when_the_forward_pass_fails(way: str):
    net = ToyNet().train()
    tap, hooks = FeatureTap(net, ['neck']), _hooks(net)
    net.neck.down = nn.Conv2d(99, 1, 1)
    if way == 'record':
        with pytest.raises(RuntimeError, match='channels'), tap.record():
            net(IMAGES)
    else:
        call = {'run': lambda: tap.run(lambda: net(IMAGES)), 'inspect': tap.inspect}
        with pytest.raises((RuntimeError, ValueError), match='channels'):
            call[way]()
    assert _hooks(net) == hooks
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
        FeatureTap(net, ['backbone']).inspect()  # before training


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
        FeatureTap(_Heads(), ['neck']).inspect()


class _Needy(ToyNet):
    """Needs annotations behind its neck."""

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        super().forward(inputs)
        return len(data_samples)


def test_a_dry_run_needs_nothing_behind_the_taps():
    assert FeatureTap(_Needy(), ['neck']).inspect().strides == [2, 4]


class _Picky(ToyNet):
    """Takes images of one size."""

    size = 224

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        assert inputs.shape[-1] == self.size, f'only {self.size}'
        return super().forward(inputs)


def test_a_dry_run_tries_other_sizes_where_one_is_refused():
    net = _Picky()
    assert FeatureTap(net, ['neck']).inspect().strides == [2, 4]
    net.size = 999
    text = (
        '_Picky must take a blank image of one of (128, 512, 224) pixels on the CPU, '
        'to show its levels, but with the last it failed: only 999…'
    )
    with refused(text):
        FeatureTap(net, ['neck']).inspect()


class _Head(nn.Module):
    """Returns what it is told to, and may be given the classes of the images."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, features: Tensor, target: Tensor | None = None) -> object:
        return self.output


@pytest.mark.parametrize(
    'output, found', [((torch.ones(2, 5),), "<class 'tuple'>"), (torch.ones(2), (2,))]
)
def test_scores_that_are_not_one_row_an_image_are_refused(
    output: object, found: object
):
    net = ToyNet()
    net.head = _Head(output)
    text = (
        "logit_tap 'head' must return the scores of the classes (N, K), but it "
        f'returned {found}'
    )
    with refused(text):
        FeatureTap(net, ['neck'], 'head').run(lambda: net(IMAGES))


def test_scores_that_know_the_targets_are_refused():
    net = ToyNet()
    net.head = _Head(torch.ones(2, 5))
    tap = FeatureTap(net, ['neck'], 'head')

    def forward(target: Tensor | None) -> None:
        net.head(net.neck(net.backbone(IMAGES))[0], target)

    assert tap.run(lambda: forward(None)).logits.shape == (2, 5)
    text = (
        "_Head at 'head' is given the targets, so its scores are not those of testing: "
        'set logit_losses=None'
    )
    with refused(text):
        tap.run(lambda: forward(torch.ones(2)))


def test_a_module_that_is_not_called_is_refused():
    net = _Dropping()
    text = (
        "the forward pass of _Dropping did not call the tapped module 'unused': choose "
        'a module that it calls'
    )
    tap = FeatureTap(net, ['neck', 'unused'])
    with refused(text):
        tap.run(lambda: net(IMAGES))
    with refused(text), tap.record():
        net(IMAGES)


def test_a_module_that_returns_no_feature_map_is_refused():
    net = _Dropping()
    text = (
        "the tapped module 'flat' must return feature maps (N, C, H, W), but it "
        'returned [(2, 288)]'
    )
    with refused(text):
        FeatureTap(net, ['flat']).run(lambda: net(IMAGES))


def test_every_module_gets_its_own_mode_back():
    net = ToyNet().train()
    net.backbone.eval()
    before = [module.training for module in net.modules()]
    with pytest.raises(KeyError), modes_restored(net):
        raise KeyError(net.eval(), net.backbone.train())
    assert [module.training for module in net.modules()] == before


class _Patches(nn.Module):
    """Made up: cuts an image into patches of 4 pixels and adds two tokens."""

    def __init__(self, kept: int = 999) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 5, 4, stride=4)
        self.tokens = nn.Identity()
        self.kept = kept

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor'):
        patches = self.cut(inputs).flatten(2).transpose(1, 2)
        extra = patches.new_full((len(patches), 2, 5), 7.0)
        return self.tokens(torch.cat([extra, patches], dim=1)[:, : self.kept])


def test_tokens_are_a_map_where_their_grid_is_known():
    net = _Patches().eval()
    [level] = FeatureTap(net, ['tokens']).run(lambda: net(IMAGES)).levels
    assert torch.equal(level, net.cut(IMAGES))
    found = FeatureTap(net, ['tokens', 'tokens']).inspect(image_size=(32, 64))
    assert found.shapes == [(5, 8, 16)] * 2
    assert found.strides == [4, 4]


@pytest.mark.parametrize(
    'net, path, found, count',
    [(_Patches(5), 'tokens', (2, 5, 5), 6), (_Patches(), 'tokens', (2, 8, 5), 0)],
)
def test_tokens_without_a_place_are_refused(net, path, found, count):
    if not count:
        net.cut.stride = (3, 3)  # patches that overlap
        found = (2, 2 + 3 * 2, 5)
    text = (
        f'the tapped module {path!r} returned tokens {found}, but the image was cut '
        f'into {count} patches, so that their places are not known: tap a module that '
        'returns one token for each patch, or feature maps (N, C, H, W)'
    )
    with refused(text):
        FeatureTap(net, [path]).run(lambda: net(IMAGES))
