"""The levels of a teacher that are compared with the student's."""

from ..features.dry_run import Inspection, dry_run
from ..features.feature_tap import FeatureTap
from ..features.level_match import check_channels, match_levels


def match_teacher(
    tap: FeatureTap,
    student: FeatureTap,
    inspection: Inspection,
    image_size: tuple[int, int] | None = None,
) -> Inspection:
    """Have the teacher's tap keep the levels that go with the student's, in order.

    Args:
        tap: Of the teacher.
        student: The student's tap.
        inspection: What a dry run showed of the student's tap.
        image_size: Height and width, in pixels, of the images that the teacher sees.
            Default: see :func:`.dry_run`.

    Returns:
        What a dry run shows of these levels.

    Raises:
        ValueError: If the teacher takes other images, or a level finds no partner.
    """
    found = dry_run(tap, image_size=image_size)
    check_channels(inspection.image_channels, found.image_channels)
    necks = len(student.paths) == len(tap.paths) == 1
    pyramid = necks and max(len(inspection.strides), len(found.strides)) > 1
    tap.levels = match_levels(inspection.strides, found.strides, pyramid)
    return found.of_levels(tap.levels)
