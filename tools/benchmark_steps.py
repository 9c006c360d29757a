"""What the benchmark times: whole training steps and the parts they are made of."""

from copy import deepcopy
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from random_models import random_distiller
from reference_arithmetic import ReferenceReview, predict
from seen_batch import leaf, see, static_losses
from torch import Tensor, nn
from turns import Step

from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.features.padding import masked_mean
from tskd_mm.models.review.temporal_review import increment, increment_sequence


class BenchmarkSteps:
    """Steps to be timed; the optimizer's learning rate is 0, so that all stay alike.

    Args:
        config: Of a training with reviews.
        data: One batch, as from the data loader.
        slots: Memories; each is a little older than the next.
        device: Where everything is.
        amp: Train in mixed precision.
        channels_last: Keep images and weights in that memory format.

    Attributes:
        model: The distiller.
        alone: A copy of its student, which trains without distillation.
        optimizers: Of both.
    """

    def __init__(
        self,
        config: Config,
        data: dict,
        slots: int,
        device: torch.device,
        amp: bool = False,
        channels_last: bool = False,
    ) -> None:
        self.data = data
        self.amp = amp
        self.device = device
        model: Any = random_distiller(config).to(device)
        if channels_last:
            model = model.to(memory_format=torch.channels_last)
        _remember(model, slots)
        self.model = model
        self.alone = deepcopy(model.student)
        self.wrapped = _wrap(self.model, device), _wrap(self.alone, device)
        self.optimizers = tuple(_optimizer(part, config, amp) for part in self.wrapped)
        self.reference = ReferenceReview(model)
        self._look()

    def whole(self) -> dict[str, Step]:
        """Training steps, from the student's alone to that of a review."""
        return {
            'student': self._train_alone,
            'student and teacher': self._train_beside_teacher,
            'TSKD, general': partial(self._train, 'general'),
            'TSKD, review': partial(self._train, 'review'),
        }

    def parts(self) -> dict[str, Step]:
        """Forward, and where there is something to train backward, of single parts."""
        return {
            'teacher features': self._teacher,
            'features of one past student': self._student,
            'features of all past students': self._past,
            'static losses': partial(static_losses, self.model, self.seen),
            'attention maps': self._maps,
            'predictors': self._predict,
            'optimizer': self._optimize,
            'memorize': partial(self.model.memorize, 0),
        }

    def in_reference_arithmetic(self) -> dict[str, Step]:
        """The same as the authors' release computes it; for classifiers."""
        return {
            'reference, review': self._train_reference,
            'reference, predictors': partial(self._predict, predict),
        }

    def prediction(self) -> dict[str, Step]:
        """Testing with the plain model, and through the distiller."""
        self.model.eval()
        return {
            'plain model': partial(self.model.student.test_step, self.data),
            'distiller': partial(self.model.test_step, self.data),
        }

    def _train_alone(self) -> None:
        self.wrapped[1].train_step(self.data, self.optimizers[1])

    def _train_beside_teacher(self) -> None:
        self._train_alone()
        self._teacher()

    def _train(self, phase: str) -> None:
        self.model.phase = phase
        self.wrapped[0].train_step(self.data, self.optimizers[0])

    def _train_reference(self) -> None:
        data = self.model.data_preprocessor(self.data, True)
        losses = self.reference.loss(**data)
        self.optimizers[0].update_params(self.model.parse_losses(losses)[0])

    def _look(self) -> None:
        """Keep what the parts work on."""
        self.seen = see(self.model, self.data, self._precision())
        self.past = [*zip(*self._past())]
        pairs = [self._level_maps(level) for level in range(len(self.past))]
        self.histories = [leaf(history) for history, _ in pairs]
        self.gaps = [gap.detach() for _, gap in pairs]
        trained = [p for p in self.alone.parameters() if p.requires_grad]
        self.gradients = [(p, torch.zeros_like(p)) for p in trained]

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

    def _level_maps(self, level: int) -> tuple[Tensor, Tensor]:
        def attention(feature: Tensor) -> Tensor:
            normalize = self.model.review.normalize
            return attention_map(feature, normalize, self.seen.valid[level])

        student, teacher = (
            self.seen.student.levels[level],
            self.seen.teacher.levels[level],
        )
        past = [*map(attention, self.past[level])]
        return (
            increment_sequence(past, attention(student)),
            increment(attention(student), attention(teacher)),
        )

    def _maps(self) -> None:
        for level in range(len(self.past)):
            history, gap = self._level_maps(level)
            (history.sum() + gap.sum()).backward()

    def _predict(self, run: Any = nn.Module.__call__) -> None:
        levels = zip(self.model.review.predictors, self.histories, self.gaps)
        losses = [
            masked_mean((run(predictor, history) - gap).square(), valid)
            for (predictor, history, gap), valid in zip(levels, self.seen.valid)
        ]
        torch.stack(losses).sum().backward()

    def _optimize(self) -> None:
        for parameter, gradient in self.gradients:
            parameter.grad = gradient
        self.optimizers[1].optimizer.step()
        self.optimizers[1].zero_grad()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, enabled=self.amp)


def _remember(model: Any, slots: int) -> None:
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
