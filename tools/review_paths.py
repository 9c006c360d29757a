"""Shows which way a review pushes a student, and what other weights would do.

The review loss of TSKD reaches the student twice: through the gap to the teacher and
through the last increment, which the predictor reads. This trains on from a checkpoint
with memories for some steps of a review, with each path and weight in turn. Then it
prints what became of the student, and on more batches how large the gradient of each
path is and how it lies to the gradient of all other losses and to that of attention
transfer, the straight way to the teacher's maps.

Example:
    python tools/review_paths.py my_tskd_config.py \
        work_dirs/my_tskd_config/epoch_7.pth --weights 1 100
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, islice, product, repeat
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from plot_attention import load_distiller
from random_models import first_iteration
from rich.console import Console
from rich.progress import track
from study_report import markdown
from torch import Tensor, nn

from tskd_mm.models import TSKDDistiller
from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.features.padding import masked_mean
from tskd_mm.models.review.temporal_review import increment, increment_sequence

PATHS = ('both', 'gap', 'history', 'neither')  # through which the student is reached


@dataclass
class Level:
    """Attention maps of one level in one batch, (N, 1, H, W) each.

    Attributes:
        past: Of the past students, oldest first.
        student: Of the student now, with its graph.
        teacher: Of the teacher.
        valid: Mask of the padding, or None.
        predictor: Of the level.
    """

    past: list[Tensor]
    student: Tensor
    teacher: Tensor
    valid: Tensor | None
    predictor: nn.Module

    def gap(self) -> Tensor:
        """What is left to the teacher."""
        return increment(self.student, self.teacher)

    def loss(self, path: str, weight: float = 1.0) -> Tensor:
        """The review loss of weight 1.

        Args:
            path: Which way the student's gradient takes: one, both or none.
            weight: Factor of that gradient. The predictor's stays, as in training.
        """
        known = self.student.detach()
        felt = known + weight * (self.student - known)
        history = felt if path in ('history', 'both') else known
        gap = felt if path in ('gap', 'both') else known
        prediction = self.predictor(increment_sequence(self.past, history))
        error = prediction - increment(gap, self.teacher)
        return masked_mean(error.square(), self.valid)


class Probe(nn.Module):
    """Stands in for a distiller's review: keeps what it is given, and returns zero.

    Args:
        model: With the state to start from.
        config: Of its training.
    """

    def __init__(self, model: TSKDDistiller, config: Config) -> None:
        super().__init__()
        assert model.review is not None and model.bank is not None
        self.normalize = model.review.normalize
        self.predictors = model.review.predictors
        self.levels: list[Level] = []
        self.features: Sequence[Tensor] = []
        model.phase = 'review'
        model.review = self  # type: ignore[assignment]
        names = model.bank.parameter_names
        students = model.student.named_parameters()
        self.parameters_behind = [p for name, p in students if name in names]
        # Not as a submodule: it is one of the model.
        self.__dict__.update(model=model, config=config)
        self.start = deepcopy([model.student.state_dict(), self.state_dict()])

    def forward(
        self,
        past: Sequence[Sequence[Tensor]],
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        valid: Sequence[Tensor | None],
        factor: float = 1.0,
    ) -> Tensor:
        """The losses of the paths take the review's place."""
        self.features, self.levels = student, []
        kept = zip(self.predictors, zip(*past), student, teacher, valid)
        for predictor, old, now, target, mask in kept:
            *history, current, wanted = (
                attention_map(f, self.normalize, mask) for f in (*old, now, target)
            )
            self.levels.append(Level(history, current, wanted, mask, predictor))
        return student[0].new_zeros(())

    def rewind(self) -> None:
        """Student and predictors as they were at the start."""
        student, predictors = self.start
        self.model.student.load_state_dict(student)
        self.load_state_dict(predictors)

    def look(self, data: Any) -> Tensor:
        """Keep the maps of a batch; its losses without the review."""
        batch = self.model.data_preprocessor(data, True)
        losses = self.model.loss(batch['inputs'], batch['data_samples'])
        return self.model.parse_losses(losses)[0]

    def review_loss(self, path: str, weight: float = 1.0) -> Tensor:
        """See :meth:`Level.loss`."""
        return torch.stack([level.loss(path, weight) for level in self.levels]).sum()

    def attention_transfer(self) -> Tensor:
        """The squared gap: the straight way to the teacher's maps."""
        gaps = [masked_mean(level.gap().square(), level.valid) for level in self.levels]
        return torch.stack(gaps).sum()

    def gradient(self, loss: Tensor) -> Tensor:
        """With respect to the weights that the maps depend on, as one vector."""
        weights = self.parameters_behind
        found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        pairs = zip(found, weights)
        return torch.cat([(w * 0 if g is None else g).flatten() for g, w in pairs])

    def compare(self, batches: Iterable[Any]) -> list[tuple[str, ...]]:
        """A table: how the gradients lie to each other; means of the batches."""
        seen: dict[str, list[tuple[float, ...]]] = {}
        for data in batches:
            losses = {'all other losses': self.look(data)}
            losses['attention transfer'] = self.attention_transfer()
            losses |= {f'review, {path}': self.review_loss(path) for path in PATHS[:3]}
            found = {name: self.gradient(loss) for name, loss in losses.items()}
            others, straight, *_ = found.values()
            for name, g in found.items():
                angles = [
                    torch.cosine_similarity(g, d, dim=0) for d in (others, straight)
                ]
                seen.setdefault(name, []).append((float(g.norm()), *map(float, angles)))
        header = ('gradient', 'norm', 'cosine to other losses', 'to attention transfer')
        rows: list[tuple[str, ...]] = [header]
        for name, values in seen.items():
            norm, *cosines = map(mean, zip(*values))
            rows.append((name, f'{norm:.3g}', *(f'{c:+.2f}' for c in cosines)))
        return rows

    def train_on(
        self, batches: Iterable[Any], path: str, weight: float, all_feel: bool = False
    ) -> None:
        """Train from the start with one weight and path; maps of the last step stay.

        Args:
            batches: One for each step.
            path: See :meth:`Level.loss`.
            weight: Of the review for the student.
            all_feel: Whether the predictors feel it too.
        """
        self.rewind()
        optimizer = build_optim_wrapper(self.model, self.config.optim_wrapper)
        for data in batches:
            self.others = self.look(data)
            review = self.review_loss(path, 1.0 if all_feel else weight)
            optimizer.update_params(
                self.others + review * (weight if all_feel else 1.0)
            )

    def explained(self) -> Tensor:
        """Share of the gap's variance that the predictions explain, at most 1.

        Zero is as good as the mean of the gaps.
        """
        spread = []
        for level in self.levels:
            gap = level.gap()
            away = gap - masked_mean(gap, level.valid)
            spread.append(masked_mean(away.square(), level.valid))
        return 1 - self.review_loss('neither') / torch.stack(spread).sum()

    @torch.no_grad()
    def state(self) -> dict[str, float]:
        """Numbers of the student in the batch that it saw last."""
        series = [
            increment_sequence(level.past, level.student) for level in self.levels
        ]
        gap = torch.cat([level.gap().flatten() for level in self.levels])
        wanted = torch.cat(
            [level.predictor(s).flatten() for level, s in zip(self.levels, series)]
        )
        silent = [(f.abs().amax((0, 2, 3)) == 0).float().mean() for f in self.features]
        numbers = {
            'other losses': self.others,
            'review loss': self.review_loss('neither'),
            'gap': gap.mean(),
            'predicted': wanted.mean(),
            'gap < predicted': (gap < wanted).float().mean(),
            'explained': self.explained(),
            'last increment': torch.cat([s[-1].flatten() for s in series]).mean(),
            'silent channels': torch.stack(silent).mean(),
        }
        return {name: float(number) for name, number in numbers.items()}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, help='config with a TSKDDistiller')
    parser.add_argument('checkpoint', type=Path, help='saved by TSKDMemoryHook')
    parser.add_argument('--paths', nargs='+', choices=PATHS, default=['both'])
    parser.add_argument('--weights', type=float, nargs='+', default=[1.0])
    parser.add_argument(
        '--all-feel', action='store_true', help='multiply for the predictors too'
    )
    parser.add_argument('--steps', type=int, default=32, help='of each trial')
    parser.add_argument('--batches', type=int, default=4, help='for the gradients')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not args.config.is_file():
        sys.exit(f'there is no config file {args.config}')
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options or {})
    try:
        model = load_distiller(config, args.checkpoint).train()
    except (FileNotFoundError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(str(error))
    first_iteration()
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    torch.manual_seed(0)
    steps = args.steps
    batches = [*islice(chain.from_iterable(repeat(loader)), steps + args.batches)]
    probe = Probe(model, config)
    rows: list[tuple[str, ...]] = []
    for path, weight in product(args.paths, args.weights):
        trial = track(
            batches[:steps],
            f'path {path}, weight {weight:g}',
            console=Console(stderr=True),
        )
        probe.train_on(trial, path, weight, args.all_feel)
        found = probe.state()
        print(f'\n{steps} steps, path {path}, weight {weight:g}:\n')
        print(markdown(probe.compare(batches[steps:])), flush=True)
        rows = rows or [('path', 'weight', *found)]
        rows.append((path, f'{weight:g}', *(f'{v:.3g}' for v in found.values())))
    print(f'\nin the last of {steps} steps:\n\n{markdown(rows)}')


if __name__ == '__main__':
    main()
