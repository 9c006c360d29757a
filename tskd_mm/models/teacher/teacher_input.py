"""Shows the teacher the student's batch as the teacher's own preprocessor makes it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmengine.model import stack_batch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ...host_versions import HOSTS
from ..features.padding import image_sizes

SETTINGS = (bool, int, float, str, tuple)


class TeacherBatch(NamedTuple):
    """What a teacher is shown.

    Attributes:
        inputs: Images, (N, C, H, W).
        data_samples: One per image, with the shapes that the teacher sees and without
            annotations; the student's own where the batch is.
        area: Height and width, in pixels from the top left, of what the student's
            batch shows, its padding included. None where that is the whole batch. More
            than H and W where the teacher pads less.
    """

    inputs: Tensor
    data_samples: Sequence[Any] | None
    area: tuple[int, int] | None = None


class TeacherInput:
    """Takes the student's batch apart and has the teacher's preprocessor make its own.

    The images are cut out of their padding, brought back to pixel values and given to
    the teacher's preprocessor as for testing: mean, standard deviation, channel order,
    padding and any rule of a class of the user's own are the teacher's, and nothing is
    drawn at random. What the student's preprocessor did in training (resizing, mixing)
    stays. Where both would make the same batch it passes untouched. A teacher whose
    preprocessor does not pad (RTMDet's pipeline does) gets the student's padding.

    Args:
        student: The student's data preprocessor.
        teacher: The teacher's data preprocessor.
        channels: Of the images that the teacher takes; a grey image is repeated.
            Default: the student's.
        size: Height and width, in pixels, of the images that the teacher is shown:
            the student's batch is scaled to fit and padded. Default: as it is.

    Attributes:
        doubtful: Whether the channels are reversed for the teacher, although both
            models have one mean in one order.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        channels: int | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.channels = channels
        self.size = None if size is None else (size[0], size[1])
        self.alike = _rules(student) == _rules(teacher)
        flips = _reverses(student) != _reverses(teacher)
        mean = _mean_and_std(student)[0]
        self.doubtful = flips and bool(
            mean.equal(_mean_and_std(teacher)[0]) and not mean.equal(mean.flip(0))
        )

    def __call__(
        self, inputs: Tensor, data_samples: Sequence[Any] | None
    ) -> TeacherBatch:
        """The batch as the teacher would have got it.

        Args:
            inputs: The student's preprocessed images, (N, C, H, W).
            data_samples: Tell images from padding.
        """
        batch_size = (inputs.shape[-2], inputs.shape[-1])
        same_images = self.channels in (None, inputs.shape[1])
        if self.alike and same_images and self.size in (None, batch_size):
            return TeacherBatch(inputs, data_samples)
        scale = min(s / b for s, b in zip(self.size or batch_size, batch_size))
        sizes = image_sizes(data_samples, inputs)
        images = [
            _resize(image[:, :height, :width], scale)
            for image, (height, width) in zip(self._pixels(inputs), sizes)
        ]
        samples = data_samples and [*map(_sample_of, data_samples, images)]
        made = self.teacher({'inputs': images, 'data_samples': samples}, False)
        height, width = (round(pixels * scale) for pixels in batch_size)
        batch = self._stack(made['inputs'], (height, width)).to(inputs.dtype)
        for sample in samples or ():
            _tell_padding(sample, (*batch.shape[-2:],))
        same = (height, width) == (*batch.shape[-2:],)
        return TeacherBatch(batch, samples, None if same else (height, width))

    def _pixels(self, inputs: Tensor) -> Tensor:
        """Undo the student's normalisation."""
        values = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        mean, std = (x.to(values) for x in _mean_and_std(self.student))
        values = values * std + mean
        # Like the hosts' own reversal, that of three channels alone.
        three = values.shape[1] == 3
        values = values.flip(1) if three and _reverses(self.student) else values
        return values.expand(-1, self.channels or -1, -1, -1)

    def _stack(
        self, images: Tensor | list[Tensor], student_size: tuple[int, int]
    ) -> Tensor:
        """One batch, padded to the size that was asked for, or as the student's."""
        least = self.size or (student_size if _divisor(self.teacher) == 1 else (0, 0))
        # mmengine's plain preprocessor leaves a list.
        batch = images if isinstance(images, Tensor) else stack_batch(images)
        missing = [
            max(0, wanted - found) for wanted, found in zip(least, batch.shape[-2:])
        ]
        value = getattr(self.teacher, 'pad_value', 0) or 0
        return F.pad(batch, (0, missing[1], 0, missing[0]), value=value)


def _resize(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    size = [max(1, round(pixels * scale)) for pixels in image.shape[-2:]]
    resized = F.interpolate(
        image[None], size, mode='bilinear', antialias=scale < 1, align_corners=False
    )
    return resized[0]


def _sample_of(sample: Any, image: Tensor) -> Any:
    """Without annotations; its shape, and its scale to the file, are the image's."""
    if not isinstance(sample, BaseDataElement):
        return sample
    metainfo = dict(sample.metainfo)
    size = (*image.shape[-2:],)
    if 'scale_factor' in metainfo and 'img_shape' in metainfo:
        width, height = metainfo['scale_factor'][:2]
        before = metainfo['img_shape']
        metainfo['scale_factor'] = (
            width * size[1] / before[1],
            height * size[0] / before[0],
        )
    return type(sample)(metainfo={**metainfo, 'img_shape': size})


def _tell_padding(sample: Any, batch_shape: tuple[int, ...]) -> None:
    if isinstance(sample, BaseDataElement) and 'batch_input_shape' in sample:
        names = 'batch_input_shape', 'pad_shape'
        sample.set_metainfo(dict.fromkeys(names, batch_shape))


def _rules(preprocessor: nn.Module) -> list:
    """What it does to images in testing; equal for two that do the same."""
    mean, std = (x.flatten().tolist() for x in _mean_and_std(preprocessor))
    value = getattr(preprocessor, 'pad_value', 0) or 0
    rules = [_reverses(preprocessor), mean, std, _divisor(preprocessor), value]
    if type(preprocessor).__module__.partition('.')[0] in HOSTS:
        return rules
    # A class of the user's own may have rules under any name.
    settings = {k: v for k, v in vars(preprocessor).items() if isinstance(v, SETTINGS)}
    return [*rules, type(preprocessor), settings | {'training': None}]


def _divisor(preprocessor: nn.Module) -> int:
    """Of the sizes that it pads to; 1 for one that does not pad."""
    return getattr(preprocessor, 'pad_size_divisor', 1) or 1


def _reverses(preprocessor: nn.Module) -> bool:
    # mmdet and mmengine call the flag _channel_conversion, mmpretrain to_rgb.
    flag = getattr(preprocessor, '_channel_conversion', None)
    return bool(getattr(preprocessor, 'to_rgb', False) if flag is None else flag)


def _mean_and_std(preprocessor: nn.Module) -> tuple[Tensor, Tensor]:
    """Each (C, 1, 1), or (1, 1, 1) for all channels."""
    if not getattr(preprocessor, '_enable_normalize', False):
        return torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    mean, std = preprocessor.mean.float(), preprocessor.std.float()
    return mean.view(-1, 1, 1), std.view(-1, 1, 1)
