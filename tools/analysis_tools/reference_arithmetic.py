"""Times a review step as the authors' release computes it, next to this project's.

python tools/analysis_tools/reference_arithmetic.py CONFIG [--repeats N]

For classifiers. What the release computes although it is zero or never read, this does
too: the cells' gates of inputs and hidden states that are zero by construction, and the
whole of every model whose features are wanted. Source: the release of TSKD (arXiv
2307.00811). It is written apart from the package, and a test compares both.
"""

import argparse
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import DictAction
from torch import Tensor, nn

from tskd_mm.apis.benchmark.training_steps import TrainingSteps
from tskd_mm.apis.interleaved_timing import Step, medians, take_turns
from tskd_mm.apis.positive import positive
from tskd_mm.apis.random_batch import random_batch
from tskd_mm.apis.read_config import read_config
from tskd_mm.models.distillers.loss_dict import add_losses, name_task_loss, weigh
from tskd_mm.models.distillers.tskd_distiller import TSKDDistiller
from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.features.feature_tap import Features, FeatureTap
from tskd_mm.models.review.conv_lstm import ConvLSTMCell
from tskd_mm.models.review.increment_predictor import IncrementPredictor


def predict(predictor: IncrementPredictor, sequence: Tensor) -> Tensor:
    """What the predictor computes, every gate from a full convolution.

    Args:
        predictor: Its weights are used.
        sequence: T increments, oldest first, (T, N, 1, H, W).

    Returns:
        The prediction, (N, 1, H, W).
    """
    height, width = sequence.shape[-2:]
    steps = F.leaky_relu(predictor.stem(sequence.flatten(0, 1)), 0.2)
    steps = steps.unflatten(0, sequence.shape[:2])
    channels = predictor.encoder.split_sizes[1]
    hidden = cell = steps.new_zeros(steps.shape[1], channels, *steps.shape[-2:])
    for step in steps:
        hidden, cell = _update(predictor.encoder, step, hidden, cell)
    nothing = torch.zeros_like(hidden)
    hidden, _ = _update(predictor.forecaster, nothing, hidden, cell)
    grown = F.leaky_relu(predictor.upsample(hidden), 0.2)[..., :height, :width]
    return predictor.head(F.leaky_relu(predictor.refine(grown), 0.2))


def _update(
    cell: ConvLSTMCell, x: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    joined = torch.cat([x, hidden], dim=1)
    gates = F.conv2d(joined, cell.weight, cell.bias, padding=cell.padding)
    enter, forget, candidate, output = gates.chunk(4, dim=1)
    memory = forget.sigmoid() * memory + enter.sigmoid() * candidate.tanh()
    return output.sigmoid() * memory.tanh(), memory


class ReferenceReview:
    """Losses of a classifier's review step in the release's arithmetic.

    Args:
        model: In training mode, with teacher and memories; its weights are used.
    """

    def __init__(self, model: TSKDDistiller) -> None:
        self.model = model
        self.past: list[tuple[nn.Module, FeatureTap]] = []
        for snapshot in model.bank.slots.values() if model.bank else ():
            student = deepcopy(model.student)
            student.load_state_dict(snapshot, strict=False)
            self.past.append((student, FeatureTap(student, model.tap.paths)))

    def loss(self, inputs: Tensor, data_samples: list[Any]) -> dict[str, Any]:
        """As of the distiller; no padding, features of one size."""
        model = self.model
        assert model.teacher is not None and model.review is not None
        with model.tap.record() as student:
            task = name_task_loss(model.student.loss(inputs, data_samples))
        images = model.teacher.adapt(inputs, data_samples).inputs
        teacher = _all_of(model.teacher.model, model.teacher.tap, images)
        added = model.static_losses(
            student, teacher, [None] * len(student.levels), data_samples
        )
        past = [_all_of(*each, inputs).levels for each in self.past]
        levels = zip(
            model.review.predictors, zip(*past), student.levels, teacher.levels
        )
        losses = torch.stack([self._level_loss(*level) for level in levels])
        added['review'] = model.review.loss_weight * losses.sum()
        total, _ = model.parse_losses(task)
        return add_losses(task, total, weigh(added, model.loss_factors))

    def _level_loss(
        self, predictor: Any, past: Sequence[Tensor], student: Tensor, teacher: Tensor
    ) -> Tensor:
        review: Any = self.model.review
        *old, now, target = (
            attention_map(feature, review.normalize)
            for feature in (*past, student, teacher)
        )
        maps = torch.stack([*old, now])
        history = (maps[:-1] - maps[1:]).abs()
        return F.mse_loss(predict(predictor, history), (now - target).abs())


@torch.no_grad()
def _all_of(model: nn.Module, tap: FeatureTap, images: Tensor) -> Features:
    """Features of a pass that goes on to the end."""
    with tap.record() as features:
        model(images, mode='tensor')
    return features


def timed_steps(steps: TrainingSteps) -> dict[str, Step]:
    """A review step and its predictors, in either arithmetic."""
    model, optimizer = steps.model, steps.optimizers[0]
    reference = ReferenceReview(model)

    def train() -> None:
        losses = reference.loss(**model.data_preprocessor(steps.data, True))
        optimizer.update_params(model.parse_losses(losses)[0])

    def run(forward: Callable[[Any, Tensor], Tensor]) -> None:
        pairs = zip(model.review.predictors, steps.histories)
        predictions = [forward(*pair) for pair in pairs]
        torch.stack([one.sum() for one in predictions]).sum().backward()

    return {
        'review': partial(steps.train, 'review'),
        'reference review': train,
        'predictors': partial(run, nn.Module.__call__),
        'reference predictors': partial(run, predict),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a classifier with reviews')
    count = positive(int)
    parser.add_argument('--images', type=count, help='default: 128')
    parser.add_argument('--repeats', type=count, default=9, help='turns that count')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    args = parser.parse_args()
    config = read_config(args.config, args.cfg_options)
    torch.manual_seed(0)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    data = random_batch(config, args.images)
    steps = timed_steps(TrainingSteps(config, data, device))
    seconds = medians(take_turns(steps, args.repeats, device))
    for name in ('review', 'predictors'):
        ours, theirs = seconds[name], seconds[f'reference {name}']
        print(f'{name}: {ours:.4f} s, in the reference {theirs:.4f} s', end=', ')
        print(f'ratio {theirs / ours:.3f}')


if __name__ == '__main__':
    main()
