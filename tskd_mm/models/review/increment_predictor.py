"""The predictor: from past increments to the next one."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.joined_levels import JoinedLevels
from .conv_lstm import ConvLSTMCell, encode, forecast


@MODELS.register_module()
class IncrementPredictor(nn.Module):
    """Encoder-forecaster that reads T increments and predicts the next.

    Stem (3x3, stride 2), Conv-LSTM encoder over the T steps, Conv-LSTM forecaster
    for one step with zero input, then back to full size. Leaky ReLUs have slope 0.2.
    Source: the authors' release of TSKD (arXiv 2307.00811).

    Args:
        hidden_channels: Channels of both Conv-LSTM cells. The release has 64, and 32
            at the level of smallest resolution.
        stem_channels: Channels before and after the cells.
    """

    def __init__(self, hidden_channels: int = 64, stem_channels: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, stem_channels, 3, stride=2, padding=1)
        self.encoder = ConvLSTMCell(stem_channels, hidden_channels)
        self.forecaster = ConvLSTMCell(hidden_channels, hidden_channels)
        self.upsample = nn.ConvTranspose2d(
            hidden_channels, stem_channels, 4, stride=2, padding=1
        )
        self.refine = nn.Conv2d(stem_channels, stem_channels, 3, padding=1)
        self.head = nn.Conv2d(stem_channels, 1, 1)
        self.width = hidden_channels

    def forward(self, sequence: Tensor) -> Tensor:
        """Predict the next increment.

        Args:
            sequence: T increments, oldest first, (T, N, 1, H, W). Any H and W.

        Returns:
            The prediction, (N, 1, H, W).
        """
        grown = crop(grow([self], [sequence]), [sequence])
        return refine([self], grown)[0]


def grow(
    predictors: Sequence[IncrementPredictor], sequences: Sequence[Tensor]
) -> list[Tensor]:
    """From the sequences to features of full size, of several levels at once.

    Args:
        predictors: One a level, all of one width.
        sequences: As for :meth:`IncrementPredictor.forward`, one a level.

    Returns:
        (N, stem_channels, H, W) of each level, with H and W rounded up to even.
    """
    steps = [
        _leaky_relu(p.stem(s.flatten(0, 1))).unflatten(0, s.shape[:2])
        for p, s in zip(predictors, sequences)
    ]
    row = JoinedLevels(steps)
    state = encode([p.encoder for p in predictors], steps)
    hidden, _ = forecast([p.forecaster for p in predictors], state, row)
    levels = zip(predictors, row.split(hidden))
    return [_leaky_relu(p.upsample(h)) for p, h in levels]


def crop(grown: Sequence[Tensor], sequences: Sequence[Tensor]) -> list[Tensor]:
    """Without the surplus row or column of an odd size, which the stem rounded up.

    A step of its own: a graph of it would be one of even or of odd sizes.
    """
    sizes = [s.shape[-2:] for s in sequences]
    return [g[..., :h, :w].contiguous() for g, (h, w) in zip(grown, sizes)]


def refine(
    predictors: Sequence[IncrementPredictor], grown: Sequence[Tensor]
) -> list[Tensor]:
    """From the features of each level to its prediction, (N, 1, H, W)."""
    return [p.head(_leaky_relu(p.refine(g))) for p, g in zip(predictors, grown)]


def _leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
