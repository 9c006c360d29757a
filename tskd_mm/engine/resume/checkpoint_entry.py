"""The one entry of a checkpoint that does not belong to the plain student."""

from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.utils import apply_to
from torch import nn

from ...models.distillers.tskd_distiller import TSKDDistiller
from ...models.loading.strict_loading import second_names

ENTRY = 'tskd'
WAY_OUT = 'to start a new run from its weights set load_from without resume'


def add_entry(
    checkpoint: dict,
    distiller: TSKDDistiller,
    optim_wrapper: OptimWrapper,
    schedule: dict | None,
) -> None:
    """Put all that was trained with the student under :data:`ENTRY`."""
    # As mmengine does with the rest: a machine without a GPU must read the file.
    state = apply_to(
        distiller.tskd_state(), lambda x: hasattr(x, 'cpu'), lambda x: x.cpu()
    )
    checkpoint[ENTRY] = {
        'schedule': schedule,
        **state,
        'input_sizes': input_sizes(distiller.data_preprocessor),
        'optimizer': take_out_extras(checkpoint, distiller, optim_wrapper),
    }


def take_out_extras(
    checkpoint: dict, distiller: TSKDDistiller, optim_wrapper: OptimWrapper
) -> dict[int, Any]:
    """Take the optimizer's state of what is not the student's out of a checkpoint.

    Returns:
        Their state by their number in the optimizer.
    """
    extras = {id(p) for part in distiller.extras().values() for p in part.parameters()}
    groups = optim_wrapper.optimizer.param_groups
    trained = [parameter for group in groups for parameter in group['params']]
    state = checkpoint['optimizer']['state']
    return {
        number: state.pop(number)
        for number, parameter in enumerate(trained)
        if id(parameter) in extras and number in state
    }


def bring_back_entry(
    checkpoint: dict, distiller: TSKDDistiller, schedule: dict | None
) -> None:
    """Give the entry's parts back to the distiller and to the optimizer's state.

    Raises:
        ValueError: If there is no entry, or it is of another student or schedule.
    """
    if ENTRY not in checkpoint:
        raise ValueError(
            f'the checkpoint has no entry {ENTRY!r}: it was not saved by a TSKD run '
            'that keeps its state (save_state=True in the hook; the best checkpoint '
            f'never does), and cannot be resumed as one; {WAY_OUT}'
        )
    _check_student(checkpoint['state_dict'], distiller.student)
    entry = checkpoint[ENTRY]
    if entry['schedule'] != schedule:
        raise ValueError(
            f'the checkpoint was saved with the schedule {entry["schedule"]}, but the '
            f'config has {schedule}: set TSKDMemoryHook back, or {WAY_OUT}'
        )
    distiller.load_tskd_state(entry)
    set_input_sizes(distiller.data_preprocessor, entry.get('input_sizes', []))
    checkpoint['optimizer']['state'].update(entry['optimizer'])


def _check_student(saved: dict[str, Any], student: nn.Module) -> None:
    # mmengine only warns, and goes on with what fits.
    own = {name: value.shape for name, value in student.state_dict().items()}
    again = second_names(saved, own)
    other = {name: value.shape for name, value in saved.items() if name not in again}
    differing = sorted({name for name, _ in own.items() ^ other.items()})
    if differing:
        raise ValueError(
            f'the checkpoint holds another student than {type(student).__name__} of '
            f'the config: {len(differing)} weights differ in name or shape, first '
            f'{differing[:3]}; resume it with its own config, or {WAY_OUT}'
        )


InputSize = tuple[int, int] | None  # height and width; None until the first batch


def input_sizes(preprocessor: nn.Module) -> list[InputSize]:
    """What each BatchSyncRandomResize of a data preprocessor resizes to now."""
    return [resizer._input_size for resizer in _resizers(preprocessor)]


def set_input_sizes(preprocessor: nn.Module, sizes: list[InputSize]) -> None:
    """Bring back what :func:`input_sizes` returned."""
    for resizer, size in zip(_resizers(preprocessor), sizes):
        resizer._input_size = size


def _resizers(preprocessor: nn.Module) -> list[Any]:
    return [part for part in preprocessor.modules() if hasattr(part, '_input_size')]
