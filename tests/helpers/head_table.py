"""Which loss goes with which family of dense heads, found by trying."""

from dense_detectors import FAMILIES, WIDTH, dense_detector
from mmengine.registry import MODELS

from tskd_mm.models.losses.loss_collection import LossCollection
from tskd_mm.models.teacher.teacher_classes import TeacherClasses

LOSSES = ('BCKDLoss', 'CrossKDLoss', 'LDLoss', 'ScoreWeightedL2Loss')


def refusal(loss: str, family: str) -> str | None:
    """Why a student and a teacher of a family cannot be compared; None if they can."""
    channels = [WIDTH] * 5
    losses = LossCollection(None, None, channels, channels, {'it': dict(type=loss)})
    heads = losses.compared_heads()
    model = MODELS.build(dense_detector(family))
    try:
        heads.check(model)
        heads.match(model, model, TeacherClasses(None, lambda: None))
    except ValueError as error:
        return str(error).replace(type(model.bbox_head).__name__, '…')
    return None


def table() -> str:
    """A row for each loss, a column for each family; below it the reasons."""
    lines = [
        f'| loss | {" | ".join(FAMILIES)} |',
        f'|---|{"---|" * len(FAMILIES)}',
    ]
    reasons = []
    for loss in LOSSES:
        found = {family: refusal(loss, family) for family in FAMILIES}
        cells = ['yes' if text is None else 'no' for text in found.values()]
        lines.append(f'| `{loss}` | {" | ".join(cells)} |')
        refused = {family: text for family, text in found.items() if text is not None}
        if refused:
            [text] = {*refused.values()}
            reasons.append(f'- {", ".join(refused)}: `{text}`')
    return '\n'.join([*lines, '', *reasons])
