"""Shows the reviews at work, wherever the runner's visualizer shows things."""

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mmengine.dist import master_only
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization.utils import img_from_canvas

from ...visualization import (
    ReviewedImage,
    draw_reviews,
    draw_timeline,
    review_image,
)
from ..distiller_hook import DistillerHook
from ..schedule.learning_rates import learning_rates
from ..schedule.run_timeline import RunTimeline, timeline_of
from ..state_restored import state_restored
from ..validation_images import one_image, validation_images


@HOOKS.register_module()
class TSKDVisualizationHook(DistillerHook):
    """Draws two pictures for every backend of the visualizer: files, TensorBoard, W&B.

    - ``tskd_schedule``, before the first step: snapshots and reviews, and the learning
      rate.
    - ``tskd_attention``, at the end of every review: the attention maps of one
      validation image, with a row for each review so far, at most 6. Your own review
      is shown if it has a method ``compare``.

    The result of the run is the same, to the last bit. After a resume the pictures
    start with the next review.

    Args:
        image: Index of the image in the validation set.
        level: Which of the distilled levels, from 0 (the finest).
    """

    priority = 'LOW'  # after the hook that memorizes

    def __init__(self, image: int = 0, level: int = 0) -> None:
        self.image = image
        self.level = level
        self.reviews: dict[str, ReviewedImage] = {}

    def before_train(self, runner: Runner) -> None:
        """Show the schedule, and load the image for the reviews.

        Raises:
            ValueError: If there are no reviews, no validation images, or no such
                image or level.
            TypeError: If the validation images are not given by a config.
        """
        self.timeline = _timeline(runner)
        review = self.distiller(runner).review
        self.shows_maps = hasattr(review, 'compare')
        self._check(runner)
        if not self.shows_maps:
            runner.logger.warning(
                'TSKDVisualizationHook shows no attention maps: '
                f'{type(review).__name__} has no method compare'
            )
        with state_restored(runner.model):
            self._load_image(runner)
        _show(runner, 'tskd_schedule', _draw_timeline(self.timeline, runner))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any
    ) -> None:
        """Show the attention maps when a review is over."""
        position = self.timeline.position(runner, batch_idx)
        if self.shows_maps and self.timeline.ends_review(position):
            self._show_review(runner, position)

    def _check(self, runner: Runner) -> None:
        if runner.val_loop is None:
            raise ValueError(
                'TSKDVisualizationHook shows a validation image, but the config has no '
                'val_dataloader: add one, or remove the hook'
            )
        counts = {'image': len(runner.val_dataloader.dataset)}
        if self.shows_maps:  # a review of scores alone needs no levels
            counts['level'] = len(self.distiller(runner).strides)
        for name, count in counts.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 <= value < count:
                raise ValueError(
                    f'{name} of TSKDVisualizationHook must be between 0 and '
                    f'{count - 1}, but got {value}'
                )

    @master_only
    def _load_image(self, runner: Runner) -> None:
        self.batch = one_image(validation_images(runner), self.image)

    @master_only
    def _show_review(self, runner: Runner, position: int) -> None:
        model = self.distiller(runner)
        with state_restored(model):
            model.eval()
            reviewed = review_image(model, self.batch, self.level)
        number = self.timeline.in_iterations.reviews_begun(position + 1)
        step = position // self.timeline.iters_per_step + 1
        self.reviews[f'review {number}\n{self.timeline.unit} {step}'] = reviewed
        _show(runner, 'tskd_attention', draw_reviews(self.reviews))


def _draw_timeline(timeline: RunTimeline, runner: Runner) -> Figure:
    start = timeline.position(runner)
    rates = enumerate(learning_rates(runner, start), start)
    schedule, end = timeline.schedule, timeline.steps
    return draw_timeline(
        [(done / timeline.iters_per_step, rate) for done, rate in rates],
        schedule.memories(end),
        schedule.review_spans(end),
        end,
        timeline.unit,
    )


@master_only
def _show(runner: Runner, name: str, figure: Figure) -> None:
    image = img_from_canvas(FigureCanvasAgg(figure))
    runner.visualizer.add_image(name, image, step=runner.iter + 1)


def _timeline(runner: Runner) -> RunTimeline:
    timeline = timeline_of(runner)
    if timeline is None:
        raise ValueError(
            'TSKDVisualizationHook shows reviews, but there are none: add '
            'TSKDMemoryHook, or remove this hook'
        )
    return timeline
