"""Shows which way a review pushes a student, and what other weights would do.

The review loss of TSKD reaches the student by two paths: through the gap to the teacher
and through the last increment, which the predictor reads. This trains on from a
checkpoint with memories for some steps of a review, with each path and weight in turn.
Then it prints what became of the student, and on more batches how large the gradient
of each path is and how it is aligned with the gradient of all other losses and with
that of attention transfer, the straight way to the teacher's maps.

Example, from the project's folder:
    python -m tools.study.review_gradients my_tskd_config.py \
        work_dirs/my_tskd_config/epoch_7.pth --weights 1 100
"""

import argparse
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import chain, islice, product, repeat
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch import Tensor

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.load_distiller import load_distiller
from tskd_mm.apis.positive import positive
from tskd_mm.apis.read_config import read_config
from tskd_mm.apis.text_tables import markdown_table
from tskd_mm.apis.untrained_distiller import say_training_begins
from tskd_mm.models import TemporalReview, TSKDDistiller
from tskd_mm.models.features.padding import masked_mean
from tskd_mm.models.review.temporal_review import LevelComparison

PATHS = ('both', 'gap', 'history', 'neither')


@MODELS.register_module()
class PathReview(TemporalReview):
    """A review whose gradient reaches the student by the chosen path alone."""

    path = 'both'

    def history(self, past: Sequence[Tensor], student: Tensor) -> Tensor:
        """As ever, with the student's gradient if the path is open."""
        return super().history(past, self._open(student, 'history'))

    def gap(self, student: Tensor, teacher: Tensor) -> Tensor:
        """As ever, with the student's gradient if the path is open."""
        return super().gap(self._open(student, 'gap'), teacher)

    def _open(self, student: Tensor, path: str) -> Tensor:
        return student if self.path in (path, 'both') else student.detach()


class Probe:
    """Trains on from one state, and looks at gradients.

    Args:
        model: With the state to start from; its review is a :class:`PathReview`.
        config: Of its training.

    Attributes:
        batch: What the review was given last: features of the past students, the
            student and the teacher, and the masks.
        others: All losses of that batch but the review's.
    """

    def __init__(self, model: TSKDDistiller, config: Config) -> None:
        assert isinstance(model.review, PathReview) and model.bank is not None
        self.model, self.config, self.review = model, config, model.review
        self.batch: tuple[Any, ...] = ()
        self.others: Tensor = torch.zeros(())
        self.review.register_forward_pre_hook(self._keep)
        model.phase = 'review'
        names = model.bank.parameter_names
        students = model.student.named_parameters()
        self.parameters_behind = [p for name, p in students if name in names]
        self.start = deepcopy([model.student.state_dict(), self.review.state_dict()])

    def _keep(self, review: Any, inputs: tuple[Any, ...]) -> None:
        self.batch = inputs[:4]

    def look(self, data: Any) -> Tensor:
        """The review loss of a batch, by the path and weight of the review."""
        batch = self.model.data_preprocessor(data, True)
        losses = self.model.loss(batch['inputs'], batch['data_samples'])
        review = losses.pop('loss_review')
        self.others = self.model.parse_losses(losses)[0]
        return review

    def compared(self) -> list[LevelComparison]:
        """What the review compares in the last batch."""
        return self.review.compare(*self.batch)

    def review_loss(self, path: str) -> Tensor:
        """Of weight 1 in the last batch, by one path."""
        self.review.path, self.review.loss_weight = path, 1.0
        return self.review(*self.batch)

    def attention_transfer(self) -> Tensor:
        """The squared gap: the straight way to the teacher's maps."""
        self.review.path = 'both'
        pairs = zip(self.compared(), self.batch[3])
        gaps = [masked_mean(level.gap.square(), valid) for level, valid in pairs]
        return torch.stack(gaps).sum()

    def gradient(self, loss: Tensor) -> Tensor:
        """With respect to the weights that the maps depend on, as one vector."""
        weights = self.parameters_behind
        found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        pairs = zip(found, weights)
        return torch.cat([(w * 0 if g is None else g).flatten() for g, w in pairs])

    def gradients(self, batches: Iterable[Any]) -> list[tuple[str, ...]]:
        """A table of norms and cosines of the gradients; means of the batches."""
        seen: dict[str, list[tuple[float, ...]]] = {}
        for data in batches:
            self.look(data)
            losses = {'all other losses': self.others}
            losses['attention transfer'] = self.attention_transfer()
            losses |= {f'review, {path}': self.review_loss(path) for path in PATHS[:3]}
            found = {name: self.gradient(loss) for name, loss in losses.items()}
            others, straight, *_ = found.values()
            for name, g in found.items():
                cosines = [
                    torch.cosine_similarity(g, other, dim=0)
                    for other in (others, straight)
                ]
                row = (float(g.norm()), *map(float, cosines))
                seen.setdefault(name, []).append(row)
        header = ('gradient', 'norm', 'cosine to other losses', 'to attention transfer')
        rows: list[tuple[str, ...]] = [header]
        for name, values in seen.items():
            norm, *cosines = map(mean, zip(*values))
            rows.append((name, f'{norm:.3g}', *(f'{c:+.2f}' for c in cosines)))
        return rows

    def train_on(
        self,
        batches: Iterable[Any],
        path: str,
        weight: float,
        weigh_predictors: bool = False,
    ) -> None:
        """Train from the start with one weight and path.

        Args:
            batches: One for each step.
            path: Which way the student's gradient takes: one, both or neither.
            weight: Of the review for the student.
            weigh_predictors: Multiply the predictors' gradients too.
        """
        student, predictors = self.start
        self.model.student.load_state_dict(student)
        self.review.load_state_dict(predictors)
        optimizer = build_optim_wrapper(self.model, self.config.optim_wrapper)
        self.review.path = path
        self.review.loss_weight = 1.0 if weigh_predictors else weight
        factor = weight if weigh_predictors else 1.0
        for data in batches:
            review = self.look(data)
            optimizer.update_params(self.others + factor * review)

    @torch.no_grad()
    def state(self) -> dict[str, float]:
        """Numbers of the student in the batch that it saw last."""
        levels, valid = self.compared(), self.batch[3]
        gap, predicted, last = (
            torch.cat([one.flatten() for one in maps])
            for maps in zip(*((x.gap, x.prediction, x.history[-1]) for x in levels))
        )
        spread = [
            masked_mean((x.gap - masked_mean(x.gap, mask)).square(), mask)
            for x, mask in zip(levels, valid)
        ]
        silent = [
            (feature.abs().amax((0, 2, 3)) == 0).float().mean()
            for feature in self.batch[1]
        ]
        review = self.review_loss('neither')
        numbers = {
            'other losses': self.others,
            'review loss': review,
            'gap': gap.mean(),
            'predicted': predicted.mean(),
            'gap < predicted': (gap < predicted).float().mean(),
            # Share of the gap's variance; 0 is as good as the mean of the gaps.
            'explained': 1 - review / torch.stack(spread).sum(),
            'last increment': last.mean(),
            'silent channels': torch.stack(silent).mean(),
        }
        return {name: float(number) for name, number in numbers.items()}


def load_probe(config: Config, checkpoint: Path) -> Probe:
    """The probe of a training, at the state of a checkpoint.

    Raises:
        TypeError: If the config has another review than TemporalReview.
    """
    review = config.model.get('review', {})
    if review is None or review.get('type', 'TemporalReview') != 'TemporalReview':
        raise TypeError(
            f'the review of the config must be a TemporalReview, but it is {review}'
        )
    config.model.review = {**review, 'type': 'PathReview'}
    return Probe(load_distiller(config, checkpoint).train(), config)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tools.study.review_gradients',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path, help='config with a TSKDDistiller')
    parser.add_argument('checkpoint', type=Path, help='saved by TSKDMemoryHook')
    parser.add_argument('--paths', nargs='+', choices=PATHS, default=['both'])
    parser.add_argument('--weights', type=float, nargs='+', default=[1.0])
    parser.add_argument(
        '--weigh-predictors', action='store_true', help='multiply their gradients too'
    )
    count = positive(int)
    parser.add_argument('--steps', type=count, default=32, help='of each trial')
    parser.add_argument('--batches', type=count, default=4, help='for the gradients')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    config = read_config(args.config, args.cfg_options)
    with errors_as_messages():
        probe = load_probe(config, args.checkpoint)
    say_training_begins()
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    torch.manual_seed(0)
    steps = args.steps
    batches = [*islice(chain.from_iterable(repeat(loader)), steps + args.batches)]
    rows: list[tuple[str, ...]] = []
    for path, weight in product(args.paths, args.weights):
        title = f'path {path}, weight {weight:g}'
        trial = track(batches[:steps], title, console=Console(stderr=True))
        probe.train_on(trial, path, weight, args.weigh_predictors)
        found = probe.state()
        print(f'\n{steps} steps, {title}:\n')
        print(markdown_table(probe.gradients(batches[steps:])), flush=True)
        rows = rows or [('path', 'weight', *found)]
        rows.append((path, f'{weight:g}', *(f'{v:.3g}' for v in found.values())))
    print(f'\nin the last of {steps} steps:\n\n{markdown_table(rows)}')


if __name__ == '__main__':
    main()
