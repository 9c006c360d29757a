"""The teacher: trained, frozen and out of reach."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..features.compiled_parts import CompiledParts
from ..features.dry_run import Inspection
from ..features.feature_tap import Features, FeatureTap
from ..features.level_match import cover
from ..loading.strict_loading import load_strictly
from .folded_norms import fold_norms
from .teacher_input import TeacherBatch, TeacherInput


class FrozenTeacher:
    """Runs a trained model, only as far as its features are needed.

    Deliberately not an ``nn.Module``: as nobody's child it stays in eval mode when
    the student trains, is seen by no optimizer, hook or ``state_dict``, and is shared
    instead of copied when the student is deep-copied (for an EMA model).

    Args:
        model: The teacher, with its weights.
        tap: The features to read from it.
        inspection: What a dry run showed of the tap's levels.
        student_preprocessor: Made the batches that the teacher will see.
        size: See :class:`.TeacherInput`.
        classes: Indices of the logits to return. Default: all.
        whole_neck: Return all outputs of the neck too, for a head to read.
        checkpoint: Path or URL of its weights, if they are from one.

    Attributes:
        compiled: What of it runs as graphs.
    """

    def __init__(
        self,
        model: nn.Module,
        tap: FeatureTap,
        inspection: Inspection,
        student_preprocessor: nn.Module,
        size: tuple[int, int] | None = None,
        classes: Sequence[int] | None = None,
        whole_neck: bool = False,
        checkpoint: str | None = None,
    ) -> None:
        model.eval()  # returns nothing in some hosts
        self.model = model.requires_grad_(False)
        self.tap = tap
        self._folded = tap  # of the model that looks at batches
        self.compiled = CompiledParts()
        self.inspection = inspection
        self.strides = inspection.strides
        self.classes = classes
        self.whole_neck = whole_neck
        self.checkpoint = checkpoint
        self.adapt = TeacherInput(
            student_preprocessor,
            model.data_preprocessor,
            inspection.image_channels,
            size,
        )

    def __deepcopy__(self, memo: dict) -> 'FrozenTeacher':
        return self

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> Features:
        """Look at the student's batch.

        Args:
            inputs: The student's preprocessed images, (N, C, H, W).
            data_samples: Show where the images end and the padding begins.

        Returns:
            Features of what the student's batch shows, whatever the teacher's padding.
        """
        if not self.whole_neck and not self.tap:
            return Features()
        seen = self.adapt(inputs, data_samples)
        features = self._look(seen, self._folded, self.compiled)
        if features.logits is not None and self.classes is not None:
            features.logits = features.logits[:, self.classes]
        return features

    def _look(
        self, seen: TeacherBatch, tap: FeatureTap, compiled: CompiledParts
    ) -> Features:
        images, samples, area = seen
        model: Any = tap.model

        def forward() -> None:
            with compiled.active(model):
                model(images, samples, mode='tensor')

        if self.whole_neck:
            with tap.record() as features, compiled.active(model):
                features.neck = model.extract_feat(images)
        else:
            features = tap.run(forward)
        if area is None:
            return features
        batch = images.shape[-2:]
        levels = zip(features.levels, self.strides)
        features.levels = [cover(level, batch, area, s) for level, s in levels]
        features.neck = [
            cover(x, batch, area, _stride(x, batch)) for x in features.neck
        ]
        return features

    @torch.no_grad()
    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Any]:
        """Predictions of the whole teacher on the student's batch, a sample an image.

        Args:
            inputs: The student's preprocessed images, (N, C, H, W).
            data_samples: One per image.

        Returns:
            Samples with the annotations that metrics ask for.
        """
        seen = self.adapt(inputs, data_samples)
        found = self.model(seen.inputs, seen.data_samples, mode='predict')
        for sample, own in zip(found, data_samples):
            for name, value in own.items():
                if name not in sample:
                    sample.set_data({name: value})
        return found

    def load(self, checkpoint: str, trust: bool = False) -> None:
        """Take other weights of the same architecture; see :func:`.build_teacher`."""
        load_strictly(self.model, checkpoint, trust)
        self.checkpoint = checkpoint
        self._fold_again()

    @contextmanager
    def weights_restored(self) -> Iterator[None]:
        """Afterwards the teacher has the weights that it had before."""
        weights, checkpoint = deepcopy(self.model.state_dict()), self.checkpoint
        try:
            yield
        finally:
            self.model.load_state_dict(weights)
            self.checkpoint = checkpoint
            self._fold_again()

    def apply(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Move or convert every weight, as ``nn.Module._apply`` does."""
        self.model._apply(fn)
        # A host's preprocessor keeps the name of its device.
        self.model.to(next(self.model.parameters()).device)
        self._fold_again()

    def fold(self) -> None:
        """From now on look at batches with batch norms folded into convolutions.

        Features then differ in the last bits. :attr:`model` stays as it is and gives
        its heads and predictions; weights that are the same in both are shared.
        """
        height, width = self.inspection.image_size
        noise = torch.Generator().manual_seed(0)
        image = torch.randn(
            1, self.inspection.image_channels, height, width, generator=noise
        )
        batch = TeacherBatch(image.to(next(self.model.parameters())), None)

        def outputs(model: nn.Module) -> list[Tensor]:
            seen = self._look(batch, self.tap.on(model), CompiledParts())
            scores = [] if seen.logits is None else [seen.logits]
            return [*seen.levels, *seen.neck, *scores]

        if not self.whole_neck and not self.tap:
            return
        folded, count = fold_norms(self.model, outputs, self.tap.modules())
        self._folded = self.tap.on(folded)
        print_log(f'teacher: {count} batch norms folded into convolutions', 'current')

    def _fold_again(self) -> None:
        """The weights have changed."""
        if self._folded is not self.tap:
            self.fold()

    def tensors(self) -> list[Tensor]:
        """All weights and buffers that are kept, each once."""
        models = self.model, self._folded.model
        states = [model.state_dict(keep_vars=True).values() for model in models]
        return [*{id(x): x for state in states for x in state}.values()]


def _stride(level: Tensor, batch: Sequence[int]) -> int:
    """Of an output of a neck, a power of two."""
    return 2 ** round(math.log2(batch[1] / level.shape[3]))
