"""The cell against the textbook: one convolution over [input, hidden]."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tskd_mm.models.features.joined_levels import JoinedLevels
from tskd_mm.models.review.conv_lstm import ConvLSTMCell, forecast, read


def lstm_step(
    weight: Tensor, bias: Tensor, x: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    size = hidden.shape[1]
    joined = torch.cat([x, hidden], dim=1)
    gates = F.conv2d(joined, weight, bias, padding=weight.shape[-1] // 2)
    i, f = gates[:, :size].sigmoid(), gates[:, size : 2 * size].sigmoid()
    g, o = gates[:, 2 * size : 3 * size].tanh(), gates[:, 3 * size :].sigmoid()
    memory = f * memory + i * g
    return o * memory.tanh(), memory


def _read(cell: ConvLSTMCell, sequence: Tensor, hidden_channels: int) -> tuple:
    _, images, _, *size = sequence.shape
    hidden = memory = sequence.new_zeros(images, hidden_channels, *size)
    for x in sequence:
        hidden, memory = lstm_step(cell.weight, cell.bias, x, hidden, memory)
    return hidden, memory


def _maps(state: tuple, *size: int) -> tuple:
    """A state of one level as maps."""
    return tuple(row.unflatten(-1, size) for row in state)


def _forecast(cell: ConvLSTMCell, state: tuple) -> tuple:
    size = state[0].shape[-2:]
    hidden, memory = (m.flatten(-2) for m in state)
    return _maps(forecast([cell], (hidden, memory), JoinedLevels(state[:1])), *size)


def _gradients(outputs: tuple, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    upstream = [
        torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in outputs
    ]
    return torch.autograd.grad(outputs, inputs, upstream)


@pytest.mark.parametrize('steps', [1, 2, 4])
@pytest.mark.parametrize('kernel', [3, 5])
def test_reading_a_sequence_follows_the_equations(steps: int, kernel: int):
    cell = ConvLSTMCell(2, 3, kernel).double()
    sequence = torch.randn(steps, 2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    found, expected = _maps(read([cell], [sequence]), 4, 5), _read(cell, sequence, 3)
    torch.testing.assert_close(found, expected)
    wanted = [sequence, cell.weight, cell.bias]
    torch.testing.assert_close(_gradients(found, wanted), _gradients(expected, wanted))


def test_a_forecast_is_a_step_without_input():
    cell = ConvLSTMCell(3, 3).double()
    state = [
        torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True) for _ in 'hc'
    ]
    found = _forecast(cell, (state[0], state[1]))
    expected = lstm_step(cell.weight, cell.bias, torch.zeros_like(state[0]), *state)
    torch.testing.assert_close(found, expected)
    wanted = [*state, cell.weight, cell.bias]
    torch.testing.assert_close(_gradients(found, wanted), _gradients(expected, wanted))


def test_a_forecast_of_other_channels_ignores_the_input_s_weights():
    cell = ConvLSTMCell(5, 3)
    hidden, memory = _maps(read([cell], [torch.randn(2, 1, 5, 4, 4)]), 4, 4)
    expected = lstm_step(
        cell.weight, cell.bias, torch.zeros(1, 5, 4, 4), hidden, memory
    )
    torch.testing.assert_close(_forecast(cell, (hidden, memory)), expected)


def test_cells_of_several_levels_do_not_mix():
    cells = [ConvLSTMCell(2, 3), ConvLSTMCell(2, 3)]
    sequences = [torch.randn(3, 2, 2, *size) for size in ((4, 5), (2, 3))]
    row = JoinedLevels([steps[0] for steps in sequences])
    state = read(cells, sequences)
    hidden, memory = map(row.split, state)
    later, _ = forecast(cells, state, row)
    for level, cell in enumerate(cells):
        alone = _read(cell, sequences[level], 3)
        torch.testing.assert_close((hidden[level], memory[level]), alone)
        torch.testing.assert_close(row.split(later)[level], _forecast(cell, alone)[0])


def test_weights_are_those_of_one_convolution():
    cell = ConvLSTMCell(2, 3, 5)
    assert {n: tuple(p.shape) for n, p in cell.named_parameters()} == {
        'weight': (12, 5, 5, 5),
        'bias': (12,),
    }
