"""Stands in for MMCV's compiled operators, where they cannot be had.

NMS and RoIAlign are those of torchvision, the sigmoid focal loss is a Triton kernel (on
a CPU plain PyTorch). Every other operator exists, and raises NotImplementedError when
it is called. MMCV 2.3.6 has no kernels for bfloat16: calls that it would refuse are
counted.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torchvision  # noqa: F401  (registers torch.ops.torchvision)
from torch import Tensor

BFLOAT16: Counter[str] = Counter()
BLOCK = 1024  # elements of one Triton program


def _full(name: str, tensor: Tensor) -> Tensor:
    if tensor.dtype is not torch.bfloat16:
        return tensor
    BFLOAT16[name] += 1
    return tensor.float()


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    boxes = _full('nms', boxes).float()
    if not len(boxes):
        return boxes.new_empty(0, dtype=torch.long)
    boxes = torch.cat([boxes[:, :2], boxes[:, 2:] + offset], dim=1)
    return torch.ops.torchvision.nms(boxes, scores.float(), float(iou_threshold))


def roi_align_forward(
    input: Tensor,  # noqa: A002  (called by keyword)
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    if pool_mode != 1:
        raise NotImplementedError('RoIAlign with max pooling has no stand-in')
    image = _full('roi_align_forward', input)
    size = aligned_height, aligned_width
    found = torch.ops.torchvision.roi_align(
        image, rois.to(image.dtype), spatial_scale, *size, sampling_ratio or -1, aligned
    )
    output.copy_(found)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    gradient = _full('roi_align_backward', grad_output)
    if torch.are_deterministic_algorithms_enabled():
        gradient = gradient.float().cpu()  # no atomic additions there
    rois = rois.to(gradient)
    size = aligned_height, aligned_width
    found = torch.ops.torchvision._roi_align_backward(
        gradient,
        rois,
        spatial_scale,
        *size,
        *grad_input.shape,
        sampling_ratio or -1,
        aligned,
    )
    grad_input.copy_(found)


def sigmoid_focal_loss_forward(
    input: Tensor,  # noqa: A002
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    _focal('sigmoid_focal_loss_forward', input, target, weight, output, gamma, alpha)


def sigmoid_focal_loss_backward(
    input: Tensor,  # noqa: A002
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    _focal(
        'sigmoid_focal_loss_backward', input, target, weight, grad_input, gamma, alpha
    )


def _focal(
    name: str,
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    out: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Loss, or its derivative, of every logit (N, classes); target N for background."""
    backward = name.endswith('backward')
    _full(name, logits[:0])
    if logits.is_cuda and not weight.numel() and logits.is_contiguous():
        count, classes = logits.numel(), logits.shape[1]
        if count:
            _focal_kernel[(-(-count // BLOCK),)](
                logits,
                target,
                out,
                count,
                classes,
                gamma,
                alpha,
                backward,
                BLOCK,
            )
        return
    found = (
        _focal_derivative(logits, target, gamma, alpha)
        if backward
        else (_focal_loss(logits, target, gamma, alpha))
    )
    if weight.numel():
        found = found * weight[target.clamp(max=len(weight) - 1)][:, None]
    out.copy_(found)


def _focal_loss(logits: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    x = logits.float()
    hit = -alpha * (-x).sigmoid() ** gamma * F.logsigmoid(x)
    miss = (alpha - 1) * x.sigmoid() ** gamma * F.logsigmoid(-x)
    return torch.where(_positive(logits, target), hit, miss)


def _focal_derivative(
    logits: Tensor, target: Tensor, gamma: float, alpha: float
) -> Tensor:
    x = logits.float()
    p, q, log_p, log_q = x.sigmoid(), (-x).sigmoid(), F.logsigmoid(x), F.logsigmoid(-x)
    hit = -alpha * q**gamma * (q - gamma * p * log_p)
    miss = (alpha - 1) * p**gamma * (gamma * q * log_q - p)
    return torch.where(_positive(logits, target), hit, miss)


def _positive(logits: Tensor, target: Tensor) -> Tensor:
    return target[:, None] == torch.arange(logits.shape[1], device=logits.device)


try:
    import triton
    import triton.language as tl
except ImportError:  # of a machine without a GPU
    pass
else:

    @triton.jit
    def _focal_kernel(  # type: ignore[no-untyped-def]
        logits,
        target,
        out,
        count,
        classes,
        gamma,
        alpha,
        BACKWARD: tl.constexpr,  # noqa: N803
        SIZE: tl.constexpr,  # noqa: N803
    ):
        place = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
        inside = place < count
        x = tl.load(logits + place, mask=inside, other=0.0).to(tl.float32)
        p, q = tl.sigmoid(x), tl.sigmoid(-x)
        shared = tl.log(1.0 + tl.exp(-tl.abs(x)))
        log_p, log_q = tl.minimum(x, 0.0) - shared, tl.minimum(-x, 0.0) - shared
        positive = tl.load(target + place // classes, mask=inside) == place % classes
        near, far = tl.exp(gamma * log_q), tl.exp(gamma * log_p)
        if BACKWARD:
            hit = -alpha * near * (q - gamma * p * log_p)
            miss = (alpha - 1.0) * far * (gamma * q * log_q - p)
        else:
            hit, miss = -alpha * near * log_p, (alpha - 1.0) * far * log_q
        value = tl.where(positive, hit, miss)
        tl.store(out + place, value.to(out.dtype.element_ty), mask=inside)


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith('__'):
        raise AttributeError(name)

    def missing(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f'mmcv._ext.{name} has no stand-in')

    return missing
