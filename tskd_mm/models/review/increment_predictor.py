"""The predictor: from past increments to the next one."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.pixel_row import PixelRow
from .conv_lstm import ConvLSTMCell, forecast, read


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
        return predict([self], [sequence])[0]


def predict(
    predictors: Sequence[IncrementPredictor], sequences: Sequence[Tensor]
) -> list[Tensor]:
    """Several predictors of one width at once, each on its own level.

    Args:
        predictors: One a level.
        sequences: As for :meth:`IncrementPredictor.forward`, one a level.

    Returns:
        The prediction of each level, (N, 1, H, W).
    """
    steps = [
        _leaky_relu(p.stem(s.flatten(0, 1))).unflatten(0, s.shape[:2])
        for p, s in zip(predictors, sequences)
    ]
    row = PixelRow(steps)
    state = read([p.encoder for p in predictors], steps)
    hidden, _ = forecast([p.forecaster for p in predictors], state, row)
    predictions = []
    for p, h, s in zip(predictors, row.split(hidden), sequences):
        height, width = s.shape[-2:]
        # An odd size was rounded up by the stem: the surplus row or column goes.
        grown = _leaky_relu(p.upsample(h))[..., :height, :width]
        predictions.append(p.head(_leaky_relu(p.refine(grown))))
    return predictions


def _leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
