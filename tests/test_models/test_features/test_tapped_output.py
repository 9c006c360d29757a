"""What the output of a tapped module means."""

import pytest
import torch
from refusals import refused
from torch import Tensor, nn
from toys import DroppingNet, ToyNet

from tskd_mm.models.features.dry_run import dry_run
from tskd_mm.models.features.feature_tap import FeatureTap

IMAGES = torch.rand(2, 3, 12, 8)


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


def test_a_module_that_returns_no_feature_map_is_refused():
    net = DroppingNet()
    text = (
        "the tapped module 'flat' must return feature maps (N, C, H, W), but it "
        'returned [(2, 288)]'
    )
    with refused(text):
        FeatureTap(net, ['flat']).run(lambda: net(IMAGES))


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
    found = dry_run(FeatureTap(net, ['tokens', 'tokens']), image_size=(32, 64))
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
