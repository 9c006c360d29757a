"""One step of a host model that learns from a teacher and from its own past."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from mmengine.dist import broadcast
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..features.compiled_parts import CompiledParts
from ..features.dry_run import Inspection, dry_run
from ..features.feature_tap import Features, FeatureTap
from ..features.level_match import fit_size
from ..features.padding import valid_levels
from ..loading.class_names import class_names
from ..loading.explain_download import explain_download
from ..loading.model_config import ModelSource, find_model
from ..losses.feature_loss import needs_teacher_channels
from ..losses.logits import check_activation
from ..losses.loss_collection import LossCollection
from ..review.review import SCORES, Review, review_inputs
from ..review.snapshot_bank import SnapshotBank
from ..teacher.build_teacher import build_teacher
from ..teacher.frozen_teacher import FrozenTeacher
from ..teacher.teacher_classes import TeacherClasses
from ..teacher.teacher_levels import match_teacher
from .arguments import check_arguments
from .gradient_average import average_gradients_after_backward
from .loss_balance import LossBalance
from .loss_dict import add_losses, check_finite, name_task_loss, task_total, weigh
from .plain_student import PlainStudent

PKD = {'pkd': {'type': 'PKDLoss'}}


@MODELS.register_module()
class TSKDDistiller(PlainStudent):
    """Temporal supervised knowledge distillation of a host model (arXiv 2307.00811).

    Other code can use it like the student. :meth:`init_weights` loads the teacher;
    training calls it, testing does not.
    :class:`~tskd_mm.engine.hooks.tskd_memory_hook.TSKDMemoryHook` decides when to
    memorize and when to review.

    Args:
        student: Model to train: a config dict, the path of a config file, or the name
            of one in an installed package (``'mmdet::...'``).
        teacher: Model to learn from, given in the same ways.
        teacher_checkpoint: Its weights: a path, a URL, or ``'auto'`` for those in the
            host's model index. None leaves it at its initial weights, with a warning.
        student_taps: Paths of the modules whose outputs are the student's features.
        teacher_taps: The same for the teacher. Default: ``student_taps``.
        strides: The levels to distil, by their strides in pixels. Default: all of the
            student's. Levels of one neck are matched with the teacher's by stride.
        logit_tap: Path of the module that returns the scores of a classifier; used
            with ``logit_losses``.
        teacher_logit_tap: The same for the teacher. Default: ``logit_tap``.
        feature_losses: Static losses on every level of the features, by name.
            Default: PKDLoss.
        logit_losses: Static losses on the logits, by name. Default: none.
        head_losses: Static losses on the heads of detectors, by name. Default: none;
            then the teacher's head is not run.
        teacher_classes: The classes of the teacher that the student has, by name or
            index in the student's order, for ``logit_losses``, ``head_losses`` and the
            teacher's metric. Default: both have the same.
        review: Config of a :class:`~tskd_mm.models.review.review.Review`. Default:
            :class:`~tskd_mm.models.review.temporal_review.TemporalReview`. With None
            there are only static losses: use DistillationHook, not TSKDMemoryHook.
        data_preprocessor: For a student or a teacher whose config dict has none (the
            runner passes the one at the top level of a config).
        trust_teacher_checkpoint: Run the code in a checkpoint file that holds more
            than weights. Such a file is refused by default.
        teacher_size: Height and width, in pixels, of the images that the teacher
            sees: the student's batch is scaled to fit and padded. Default: the size
            of the student's images.

    Attributes:
        inspection: The student's levels, found by a forward pass of a blank image.
        phase: ``'memorize'``, ``'review'`` or ``'general'``; None until the hook, or
            your own loop, sets it.
        loss_factors: Factors of the added losses by name, 1 where there is none; set by
            LossWeightHook.
        class_names: The student's classes, for messages; set by the hook.
        shared_classes: The teacher's classes that are the student's; set with
            the teacher.
        balance: Brings the gradients of losses to the shares of LossBalanceHook.

    Raises:
        TypeError: If an argument has the wrong form; the message has the right one.
        ValueError: If a tap or a stride does not exist, or a head cannot be read.
    """

    def __init__(
        self,
        student: str | dict,
        teacher: str | dict,
        teacher_checkpoint: str | None,
        student_taps: Sequence[str] = ('neck',),
        teacher_taps: Sequence[str] | None = None,
        strides: Sequence[int] | None = None,
        logit_tap: str = 'head',
        feature_losses: dict[str, dict] | None = PKD,
        logit_losses: dict[str, dict] | None = None,
        head_losses: dict[str, dict] | None = None,
        teacher_classes: Sequence[str | int] | None = None,
        review: dict | None = {},  # noqa: B006
        data_preprocessor: dict | None = None,
        trust_teacher_checkpoint: bool = False,
        teacher_size: tuple[int, int] | None = None,
        teacher_logit_tap: str | None = None,
    ) -> None:
        check_arguments(locals())
        student_source = find_model(student, 'student', data_preprocessor)
        model = MODELS.build(student_source.config)
        super().__init__(model)
        # Found in init_weights: testing needs not even the teacher's config.
        self.teacher_config = teacher
        self.shared_preprocessor = student_source.config.get('data_preprocessor')
        self.teacher_checkpoint = teacher_checkpoint and str(teacher_checkpoint)
        self.trust_teacher_checkpoint = trust_teacher_checkpoint
        if not feature_losses and not head_losses and review is None:
            # Scores alone need no levels.
            student_taps, teacher_taps, strides = (), (), None
        self.teacher_taps = student_taps if teacher_taps is None else teacher_taps
        self.teacher_size = teacher_size
        self.teacher_classes = teacher_classes
        self.class_names: Sequence[str] | None = None
        self.shared_classes: TeacherClasses | None = None
        self.review_inputs = review_inputs(review)
        scores = logit_losses or any(name in SCORES for name in self.review_inputs)
        self.logit_taps: tuple[str | None, str | None] = (None, None)
        if scores:
            self.logit_taps = logit_tap, teacher_logit_tap or logit_tap
        self.teacher: FrozenTeacher | None = None
        self.phase: Literal['memorize', 'review', 'general'] | None = None
        self.tap = FeatureTap(model, student_taps, self.logit_taps[0])
        self.inspection = dry_run(self.tap, strides)
        self.strides = self.inspection.strides
        self.loss_factors: dict[str, float] = {}
        # The student must start and train as it would alone with the same seed.
        with torch.random.fork_rng(devices=[]):
            self.static_losses = LossCollection(
                feature_losses,
                logit_losses,
                self.inspection.channels,
                self._teacher_channels(feature_losses, head_losses),
                head_losses,
            )
        check_activation(self.static_losses.logits.values(), model, logit_tap)
        self.heads = self.static_losses.compared_heads()
        self.heads.check(model)
        self.balance = LossBalance(self.static_losses.logits)
        self.compiled = self.compiled_review = CompiledParts()
        self.bank: SnapshotBank | None = None
        self.review: Review | None = None
        if review is not None:
            self._add_review(review)

    def _add_review(self, config: dict) -> None:
        asked = 'past_logits' in self.review_inputs
        tap = self.tap if asked else self.tap.without_logits()
        names = dry_run(tap, parameters=True).parameter_names
        self.bank = SnapshotBank(self.student, tap, names)
        with torch.random.fork_rng(devices=[]):
            self.review = MODELS.build(
                {'type': 'TemporalReview', 'num_levels': len(self.strides)} | config
            )
        # Outside a review the predictors have no gradient to wait for.
        self._ddp_params_and_buffers_to_ignore = [
            f'review.{name}' for name, _ in self.review.named_parameters()
        ]

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[Any] | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """As of the student; ``'loss'`` calls :meth:`loss` and checks its values.

        Raises:
            RuntimeError: If losses are computed and no hook has set the phase.
            FloatingPointError: If a loss is NaN or infinite.
        """
        if mode != 'loss':
            return self.student(inputs, data_samples, mode=mode)
        self._require_hook()
        losses = self.loss(inputs, data_samples or [])
        check_finite(losses, data_samples or [])
        return losses

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Any]:
        """Losses of one batch: the task's, the static ones and the review's.

        Args:
            inputs: Preprocessed images, (N, 3, H, W).
            data_samples: One per image, with its annotations.

        Returns:
            The host's losses; ``loss_<name>``, weighted, and ``ratio_<name>`` to the
            task loss for each static loss and, in a review, for ``review``; what
            :attr:`balance` measured.
        """
        with (
            self.tap.record() as student,
            self.heads.record(self.student) as seen,
            self.compiled.active(self.student),
        ):
            task = name_task_loss(self.student.loss(inputs, data_samples))
        frozen = self.require_teacher()
        teacher = frozen(inputs, data_samples)
        heads = self.heads.read(
            seen, self.student, frozen.model, teacher.neck, data_samples
        )
        past = self._past(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            valid = valid_levels(data_samples, student.levels)
            teacher.levels = [*map(fit_size, teacher.levels, student.levels)]
            both = student.full_precision(), teacher.full_precision()
            static = self.static_losses(*both, valid, data_samples, heads)
            review = self._review(past, *both, valid, data_samples)
        total = task_total(task)
        balance = self.balance.measure(
            total, static | review, student, self.loss_factors
        )
        if self.review is not None and review:  # not in the passes that measure
            average_gradients_after_backward(review['review'], self.review)
        factors = self.balance.factors(self.loss_factors)
        return add_losses(task, total, weigh(static, factors) | review) | balance

    def _past(self, inputs: Tensor) -> list[Features]:
        """Outputs of the past students in a review; nothing outside of one."""
        if self.phase != 'review' or self.bank is None:
            return []
        return [seen.full_precision() for seen in self.bank.features(inputs)]

    def _review(
        self,
        past: Sequence[Features],
        student: Features,
        teacher: Features,
        valid: Sequence[Tensor | None],
        data_samples: Sequence[Any],
    ) -> dict[str, Tensor]:
        """The review's loss by its name; empty outside of a review."""
        if self.review is None or not past:
            return {}
        known = {
            'past_logits': [seen.logits for seen in past],
            'student_logits': student.logits,
            'teacher_logits': teacher.logits,
            'data_samples': data_samples,
        }
        levels = [seen.levels for seen in past], student.levels, teacher.levels
        factor = self.balance.factors(self.loss_factors).get('review', 1.0)
        asked = {name: known[name] for name in self.review_inputs}
        with self.compiled_review.active(self.review):
            return {'review': self.review(*levels, valid, factor, **asked)}

    def init_weights(self) -> None:
        """Initialise the student and load the teacher.

        Raises:
            FileNotFoundError: If the teacher's config or checkpoint is not there.
            ConnectionError: If weights of student or teacher cannot be downloaded.
            ValueError: If the teacher's weights do not fit, or its features do not
                match the student's.
        """
        source = self._find_teacher()
        checkpoint = source.weights(self.teacher_checkpoint)  # before any download
        with explain_download(self.student):
            super().init_weights()
        for parameter in self.review.parameters() if self.review else ():
            broadcast(parameter.data)  # the wrapper that would do it ignores them
        weights = checkpoint, self.trust_teacher_checkpoint
        model = build_teacher(source, *weights)
        tap, found = self._tap_teacher(model)
        names = partial(class_names, source, *weights)
        classes = TeacherClasses(self.teacher_classes, names, self.class_names)
        self.shared_classes = classes
        self.heads.match(self.student, model, classes)
        model.to(next(self.student.parameters()).device)
        self.teacher = FrozenTeacher(
            model,
            tap,
            found,
            self.data_preprocessor,
            self.teacher_size,
            classes.of_logits(self.inspection, found),
            whole_neck=len(self.static_losses.heads) > 0,
            checkpoint=checkpoint,
        )

    def require_teacher(self) -> FrozenTeacher:
        """The teacher.

        Raises:
            RuntimeError: If it has not been brought in.
        """
        if self.teacher is None:
            raise RuntimeError(
                'the teacher has no weights yet: call init_weights() before the first '
                'loss, as Runner.train() does'
            )
        return self.teacher

    def fold_teacher(self) -> None:
        """Make the frozen teacher faster, where nothing needs its last bits."""
        if self.review is None or not self.review.as_released:
            self.require_teacher().fold()

    def compile_parts(self, options: dict[str, Any] | None) -> None:
        """Compile student, teacher and review.

        Past students are not compiled: a graph keeps the weights that it was made with.

        Args:
            options: Of :func:`torch.compile`; None leaves a review with options of its
                own alone.

        Raises:
            RuntimeError: If nothing can be compiled here.
        """
        self.compiled = CompiledParts(options)
        self.require_teacher().compiled = CompiledParts(options)
        if self.review is not None:
            own = self.review.compile_options
            parts = [('', method) for method in self.review.compiled]
            self.compiled_review = CompiledParts(options if own is None else own, parts)
        for compiled in (self.compiled, self.compiled_review):
            compiled.check(next(self.parameters()).device)

    def memorize(self, slot: int) -> None:
        """Copy the current student into a slot."""
        if self.bank is None:
            raise RuntimeError('without a review there is nothing to memorize for')
        self.bank.memorize(slot)

    def extras(self) -> dict[str, nn.Module]:
        """What is trained with the student and stays out of its ``state_dict``."""
        parts = {'review': self.review, 'losses': self.static_losses}
        return {name: part for name, part in parts.items() if part is not None}

    def tskd_state(self) -> dict[str, Any]:
        """What a resume needs in addition to the student: layers and snapshots."""
        state = {name: part.state_dict() for name, part in self.extras().items()}
        state['balance'] = self.balance.state()
        return state | ({'memories': self.bank.state_dict()} if self.bank else {})

    def load_tskd_state(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`tskd_state`."""
        for name, part in self.extras().items():
            part.load_state_dict(state[name])
        self.balance.load_state(state.get('balance', {}))
        if self.bank is not None:
            self.bank.load_state_dict(state['memories'])

    @property
    def loss_names(self) -> list[str]:
        """Names of the losses that are added to the task's."""
        static = self.static_losses.names
        return static if self.review is None else [*static, 'review']

    def _apply(
        self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any
    ) -> 'TSKDDistiller':
        super()._apply(fn, *args, **kwargs)
        # Not modules, but on the student's device.
        for part in (self.bank, self.teacher):
            if part is not None:
                part.apply(fn)
        return self

    def _find_teacher(self) -> ModelSource:
        return find_model(self.teacher_config, 'teacher', self.shared_preprocessor)

    def _tap_teacher(self, model: nn.Module) -> tuple[FeatureTap, Inspection]:
        """The tap of the teacher's matching levels, and what they look like."""
        settings = 'teacher_taps', 'teacher_logit_tap'
        tap = FeatureTap(model, self.teacher_taps, self.logit_taps[1], settings)
        return tap, match_teacher(tap, self.tap, self.inspection, self.teacher_size)

    def _teacher_channels(self, *losses: dict[str, dict] | None) -> list[int] | None:
        """Channels of the teacher's levels, if a loss needs them.

        The optimizer and DDP take the parameters of the losses before the teacher is
        brought in, so a teacher is built here just to look at it. None if there is no
        usable config of the teacher: then this is a test, or init_weights complains.
        """
        configs = [config for group in losses if group for config in group.values()]
        if not any(map(needs_teacher_channels, configs)):
            return None
        try:
            source = self._find_teacher()
        except (FileNotFoundError, ValueError):
            return None
        return self._tap_teacher(MODELS.build(source.config))[1].channels

    def _require_hook(self) -> None:
        if self.phase is None:
            hook = 'DistillationHook' if self.review is None else 'TSKDMemoryHook'
            raise RuntimeError(
                f'TSKDDistiller trains with the hook {hook}, but none is there: add '
                f"custom_hooks = [dict(type='{hook}')] to the config"
            )
