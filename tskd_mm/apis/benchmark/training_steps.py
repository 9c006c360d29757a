"""What the benchmark times: whole training steps and the parts they are made of."""

from copy import deepcopy
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import Tensor, nn

from ...models.features.padding import masked_mse
from ...models.review.temporal_review import TemporalReview
from ..batch_features import as_leaf, batch_features, run_static_losses
from ..interleaved_timing import Step
from ..read_config import memory_hook_of
from ..untrained_distiller import untrained_distiller
from .counts import operators


class TrainingSteps:
    """Steps to be timed; the optimizer's learning rate is 0, so that all stay alike.

    Args:
        config: Of a training with reviews; each of the memories is a little older than
            the next.
        data: One batch, as from the data loader.
        device: Where everything is.
        amp: Train in mixed precision.
        channels_last: Keep images and weights in that memory format.

    Raises:
        ValueError: If the config has no reviews.

    Attributes:
        hook: That of the reviews.
        model: The distiller.
        alone: A copy of its student, which trains without distillation.
        optimizers: Of both.
        timed_review: Whether the review has parts that can be timed: it is a
            TemporalReview.
    """

    def __init__(
        self,
        config: Config,
        data: dict,
        device: torch.device,
        amp: bool = False,
        channels_last: bool = False,
    ) -> None:
        hook = memory_hook_of(config)
        if hook is None:
            raise ValueError('the config has no reviews to time: add TSKDMemoryHook')
        self.hook = hook
        self.data = data
        self.amp = amp
        self.device = device
        model: Any = untrained_distiller(config).to(device)
        if channels_last:
            model = model.to(memory_format=torch.channels_last)
        _memorize(model, hook.schedule.num_slots)
        self.model = model
        self.timed_review = isinstance(model.review, TemporalReview)
        self.alone = deepcopy(model.student)
        self.wrapped = _wrap(self.model, device), _wrap(self.alone, device)
        self.optimizers = tuple(_optimizer(part, config, amp) for part in self.wrapped)
        self._keep_inputs_of_parts()

    def whole(self) -> dict[str, Step]:
        """Training steps, from the student's alone to that of a review."""
        return {
            'student': self.train_alone,
            'student and teacher': self._train_next_to_teacher,
            'TSKD, general': partial(self.train, 'general'),
            'TSKD, general, shares measured': self._train_measuring,
            'TSKD, review': partial(self.train, 'review'),
        }

    def parts(self) -> dict[str, Step]:
        """Forward, and where there is something to train backward, of single parts."""
        of_review = {'attention maps': self._maps, 'predictors': self._predict}
        return {
            'teacher features': self._teacher,
            'features of one past student': self._student,
            'features of all past students': self._past,
            'static losses': partial(run_static_losses, self.model, self.seen),
            **(of_review if self.timed_review else {}),
            'optimizer': self._optimize,
            'memorize': partial(self.model.memorize, 0),
        }

    def operators(self) -> dict[str, int]:
        """Operators of every step and part, as they are in the middle of a training."""
        seen = [*self.seen.student.levels, *self.histories]
        trained = [*self.model.parameters(), *self.alone.parameters(), *seen]
        counts = {}
        for name, step in (self.whole() | self.parts()).items():
            step()  # the first makes the optimizer's state
            for tensor in trained:
                tensor.grad = None
            counts[name] = operators(step)
        return counts

    def prediction(self) -> dict[str, Step]:
        """Testing with the plain model, and through the distiller."""
        self.model.eval()
        return {
            'plain model': partial(self.model.student.test_step, self.data),
            'distiller': partial(self.model.test_step, self.data),
        }

    def train_alone(self) -> None:
        """A step of the student without distillation."""
        self.wrapped[1].train_step(self.data, self.optimizers[1])

    def train(self, phase: str) -> None:
        """A step of the distiller in one phase."""
        self.model.phase = phase
        self.wrapped[0].train_step(self.data, self.optimizers[0])

    def _train_measuring(self) -> None:
        balance = self.model.balance
        balance.due = self.model.static_losses.names
        self.train('general')
        balance.due = []

    def _train_next_to_teacher(self) -> None:
        self.train_alone()
        self._teacher()

    def _keep_inputs_of_parts(self) -> None:
        self.seen = batch_features(self.model, self.data, self._precision())
        self.past = self._past()
        trained = [p for p in self.alone.parameters() if p.requires_grad]
        self.gradients = [(p, torch.zeros_like(p)) for p in trained]
        self.histories: list[Tensor] = []
        if not self.timed_review:
            return
        compared = self.model.review.compare(
            self.past,
            self.seen.student.levels,
            self.seen.teacher.levels,
            self.seen.valid,
        )
        self.histories = [as_leaf(level.history) for level in compared]
        self.gaps = [level.gap.detach() for level in compared]

    @torch.no_grad()
    def _student(self) -> None:
        with self._precision():
            inputs = self.seen.inputs
            self.model.tap.run(lambda: self.model.student(inputs, mode='tensor'))

    def _teacher(self) -> None:
        with self._precision():
            self.model.teacher(self.seen.inputs, self.seen.samples)

    def _past(self) -> list[list[Tensor]]:
        with self._precision():
            return self.model.bank.levels(self.seen.inputs)

    def _maps(self) -> None:
        seen = self.seen
        levels = seen.student.levels, seen.teacher.levels, seen.valid
        increments = self.model.review.increments(self.past, *levels)
        torch.autograd.backward(increments, [x.detach() for x in increments])

    def _predict(self) -> None:
        predictions = self.model.review.predict(self.histories)
        levels = zip(predictions, self.gaps, self.seen.valid)
        torch.stack([masked_mse(*level) for level in levels]).sum().backward()

    def _optimize(self) -> None:
        for parameter, gradient in self.gradients:
            parameter.grad = gradient
        self.optimizers[1].optimizer.step()
        self.optimizers[1].zero_grad()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, enabled=self.amp)


def _memorize(model: Any, slots: int) -> None:
    for slot in range(slots):
        model.memorize(slot)
        with torch.no_grad():
            for parameter in model.student.parameters():
                if parameter.requires_grad:
                    parameter.mul_(1.01)


def _wrap(model: nn.Module, device: torch.device) -> Any:
    if not is_distributed():
        return model
    devices = [device.index] if device.type == 'cuda' else None
    return MMDistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)


def _optimizer(model: nn.Module, config: Config, amp: bool) -> OptimWrapper:
    settings = deepcopy(config.optim_wrapper)
    settings.optimizer.lr = 0.0
    settings.type = 'AmpOptimWrapper' if amp else 'OptimWrapper'
    if amp:
        settings.loss_scale = 1.0  # with its default the first steps are skipped
    else:
        settings.pop('loss_scale', None)
        settings.pop('dtype', None)
    return build_optim_wrapper(model, settings)
