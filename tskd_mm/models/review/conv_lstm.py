"""Convolutional LSTM cells without peepholes, those of several levels at once."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..features.joined_levels import JoinedLevels

# Hidden and cell, each (N, hidden_channels, P): the pixels of all levels in a row.
State = tuple[Tensor, Tensor]


class ConvLSTMCell(nn.Conv2d):
    """One convolution over [input, hidden] gives the four gates of an LSTM.

    ``i, f, g, o = conv([x, h])``; ``c' = sigmoid(f) c + sigmoid(i) tanh(g)``;
    ``h' = sigmoid(o) tanh(c')`` (Shi et al., arXiv 1506.04214, eq. 3 without
    peepholes, which stay at zero in the TSKD release).

    The part of the convolution whose input is zero by construction is left out: that
    of the hidden state in the first step, that of the input in a forecast. The rest is
    in the release's order, which keeps its numbers to the last bit. Convolutions are
    each level's own; what follows works on the pixels of all levels together.

    Args:
        in_channels: Channels of the input.
        hidden_channels: Channels of the hidden state and of the cell.
    """

    def __init__(self, in_channels: int, hidden_channels: int) -> None:
        super().__init__(
            in_channels + hidden_channels, 4 * hidden_channels, 3, padding=1
        )
        self.split_sizes = (in_channels, hidden_channels)

    def gates_of_inputs(self, inputs: Tensor) -> Tensor:
        """What the gates are made of where the hidden state is zero."""
        return self._convolve(inputs, self.weight[:, : self.split_sizes[0]])

    def gates_of_hidden(self, hidden: Tensor) -> Tensor:
        """What the gates are made of where the inputs are zero."""
        return self._convolve(hidden, self.weight[:, self.split_sizes[0] :])

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, self.bias, padding=self.padding)


def encode(cells: Sequence[ConvLSTMCell], sequences: Sequence[Tensor]) -> State:
    """Each cell reads the sequence of its level from a zero state.

    Args:
        cells: One a level, all of one width.
        sequences: Inputs in order of time, (T, N, in_channels, H, W), one a level.

    Returns:
        Hidden state and cell after the last step, all levels in a row.
    """
    row = JoinedLevels(sequences)
    first, *others = zip(*(steps.unbind() for steps in sequences))
    gates = [cell.gates_of_inputs(x) for cell, x in zip(cells, first)]
    hidden, memory = _update(row.join(gates), None)
    for inputs in others:
        levels = zip(cells, inputs, row.split(hidden))
        gates = [cell(torch.cat([x, h], dim=1)) for cell, x, h in levels]
        hidden, memory = _update(row.join(gates), memory)
    return hidden, memory


def forecast(cells: Sequence[ConvLSTMCell], state: State, row: JoinedLevels) -> State:
    """One step from ``state`` with zero input: what comes next."""
    levels = zip(cells, row.split(state[0]))
    return _update(row.join([cell.gates_of_hidden(h) for cell, h in levels]), state[1])


def _update(gates: Tensor, cell: Tensor | None) -> State:
    width = gates.shape[1] // 4
    both, candidate, output = gates.split([2 * width, width, width], dim=1)
    enter, forget = both.sigmoid().chunk(2, dim=1)
    new_cell = enter * candidate.tanh()
    if cell is not None:
        new_cell = forget * cell + new_cell
    return output.sigmoid() * new_cell.tanh(), new_cell
