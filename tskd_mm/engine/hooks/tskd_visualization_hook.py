"""Shows the reviews at work, wherever the runner's visualizer shows things."""

from typing import Any

from matplotlib.figure import Figure
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...visualization import (
    AttentionMaps,
    attention_maps,
    draw_attention,
    draw_timeline,
    figure_image,
)
from ..preflight.samples import one_image
from ..preflight.untouched import untouched
from ..schedule.learning_rates import learning_rates
from ..schedule.run_timeline import RunTimeline, timeline_of
from .required_parts import find_distiller

ROWS = 6  # reviews in one picture


@HOOKS.register_module()
class TSKDVisualizationHook(Hook):
    """Two pictures for every backend of the visualizer: files, TensorBoard, W&B.

    - ``tskd_schedule``, before the training: memories and reviews over the learning
      rate.
    - ``tskd_attention``, at the end of every review: the attention maps of one
      validation image, a row for each review so far; of many reviews 6 are shown.

    The training goes on to the last bit as it would have without. A resumed training
    starts with its first review after that.

    Args:
        image: Index of the image in the validation set.
        level: Which of the distilled levels, from 0 (the finest).
    """

    priority = 'LOW'  # after the hook that memorizes

    def __init__(self, image: int = 0, level: int = 0) -> None:
        self.image = image
        self.level = level
        self.rows: dict[str, AttentionMaps] = {}

    def before_train(self, runner: Runner) -> None:
        """Show the schedule.

        Raises:
            ValueError: If there are no reviews, no validation images, or no such
                image or level.
        """
        self.plan = _plan(runner)
        _check(runner, self.image, self.level)
        rates = learning_rates(runner, self.plan.position(runner))
        _show(runner, 'tskd_schedule', draw_timeline(self.plan, rates))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any
    ) -> None:
        """Show the attention maps when a review is over."""
        position = self.plan.position(runner, batch_idx)
        if self.plan.ends_review(position):
            self._look(runner, position)

    @master_only
    def _look(self, runner: Runner, position: int) -> None:
        model = find_distiller(runner, 'TSKDVisualizationHook')
        with untouched(model):
            model.eval()
            batch = one_image(runner.val_dataloader, self.image)
            maps = attention_maps(model, batch, self.level)
        number = self.plan.in_iterations.reviews(position + 1)
        step = position // self.plan.iters_per_step + 1
        self.rows[f'review {number}\n{self.plan.unit} {step}'] = maps
        _show(runner, 'tskd_attention', draw_attention(_spread(self.rows)))


def _spread(rows: dict[str, AttentionMaps]) -> dict[str, AttentionMaps]:
    """At most :data:`ROWS` of them at even distances, the last among them."""
    names, last = [*rows], len(rows) - 1
    count = min(ROWS, len(rows))
    chosen = [round(i * last / max(1, count - 1)) for i in range(count)]
    return {names[i]: rows[names[i]] for i in chosen[:-1] + [last]}


@master_only
def _show(runner: Runner, name: str, figure: Figure) -> None:
    runner.visualizer.add_image(name, figure_image(figure), step=runner.iter + 1)


def _plan(runner: Runner) -> RunTimeline:
    plan = timeline_of(runner)
    if plan is None:
        raise ValueError(
            'TSKDVisualizationHook shows reviews, but there are none: add '
            'TSKDMemoryHook, or remove this hook'
        )
    return plan


def _check(runner: Runner, image: int, level: int) -> None:
    if runner.val_loop is None:
        raise ValueError(
            'TSKDVisualizationHook shows a validation image, but the config has no '
            'val_dataloader: add one, or remove the hook'
        )
    images, levels = (
        len(runner.val_dataloader.dataset),
        len(find_distiller(runner, 'TSKDVisualizationHook').strides),
    )
    for name, value, count in (('image', image, images), ('level', level, levels)):
        if not 0 <= value < count:
            raise ValueError(
                f'{name} of TSKDVisualizationHook must be between 0 and {count - 1}, '
                f'but got {value}'
            )
