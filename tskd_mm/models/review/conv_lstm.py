"""Convolutional LSTM cell without peepholes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]  # hidden and cell, each (N, hidden_channels, H, W)


class ConvLSTMCell(nn.Conv2d):
    """One convolution over [input, hidden] gives the four gates of an LSTM.

    ``i, f, g, o = conv([x, h])``; ``c' = sigmoid(f) c + sigmoid(i) tanh(g)``;
    ``h' = sigmoid(o) tanh(c')`` (Shi et al., arXiv 1506.04214, eq. 3 without
    peepholes, which stay at zero in the TSKD release).

    The part of the convolution whose input is zero by construction is left out: that
    of the hidden state in the first step, that of the input in a forecast. The rest is
    in the release's order, which keeps its numbers to the last bit.

    Args:
        in_channels: Channels of the input.
        hidden_channels: Channels of the hidden state and of the cell.
        kernel_size: Odd size of the kernel; borders are padded with zeros.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, kernel_size: int = 3
    ) -> None:
        super().__init__(
            in_channels + hidden_channels,
            4 * hidden_channels,
            kernel_size,
            padding=kernel_size // 2,
        )
        self.split_sizes = (in_channels, hidden_channels)

    def forward(self, sequence: Tensor) -> State:  # type: ignore[override]
        """Read a sequence from a zero state.

        Args:
            sequence: Inputs in order of time, (T, N, in_channels, H, W).

        Returns:
            Hidden state and cell after the last step.
        """
        input_weight, _ = self.weight.split(self.split_sizes, dim=1)
        hidden, cell = self._update(self._convolve(sequence[0], input_weight), None)
        for x in sequence[1:]:
            gates = self._convolve(torch.cat([x, hidden], dim=1), self.weight)
            hidden, cell = self._update(gates, cell)
        return hidden, cell

    def forecast(self, state: State) -> State:
        """One step from ``state`` with zero input: what comes next."""
        hidden, cell = state
        _, hidden_weight = self.weight.split(self.split_sizes, dim=1)
        return self._update(self._convolve(hidden, hidden_weight), cell)

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight, self.bias, padding=self.padding)

    @staticmethod
    def _update(gates: Tensor, cell: Tensor | None) -> State:
        enter, forget, candidate, output = gates.chunk(4, dim=1)
        new_cell = enter.sigmoid() * candidate.tanh()
        if cell is not None:
            new_cell = forget.sigmoid() * cell + new_cell
        return output.sigmoid() * torch.tanh(new_cell), new_cell
