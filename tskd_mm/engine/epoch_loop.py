"""What counts epochs needs a training loop that has them."""

from mmengine.runner import EpochBasedTrainLoop, Runner


def check_epoch_loop(runner: Runner, hook: str, setting: str) -> None:
    """Check that the training has epochs.

    Args:
        runner: The runner.
        hook: Name of the hook that counts epochs, for the message.
        setting: What it counts them for.

    Raises:
        ValueError: If it is an iteration loop.
    """
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ValueError(
            f'{hook} counts epochs (by_epoch=True), but the train loop is '
            f'{type(runner.train_loop).__name__}, which has none: set by_epoch=False '
            f'and {setting} in iterations'
        )
