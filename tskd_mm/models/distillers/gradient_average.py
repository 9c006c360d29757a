"""Averages gradients over processes for parameters that DDP leaves alone."""

from mmengine.dist import all_reduce_params, is_distributed
from torch import Tensor, nn
from torch.autograd import Variable


def average_gradients_after_backward(loss: Tensor, module: nn.Module) -> None:
    """When ``loss`` has been differentiated, average the gradients of ``module``.

    DDP would wait in every iteration for gradients that exist in a review only, or
    search the graph each time (``find_unused_parameters``). One collective at the end
    of a backward pass that is a review on all processes is cheaper, and outside a
    review the gradients stay None: no weight decay, no momentum. With gradient
    accumulation every pass averages once, which leaves the average of the sums.

    Args:
        loss: Scalar that every process differentiates in the same iteration.
        module: Its parameters all receive a gradient from ``loss``.
    """
    if not is_distributed() or not loss.requires_grad:
        return

    def average() -> None:
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        all_reduce_params(gradients, op='mean')

    def after_backward(gradient: Tensor) -> None:
        Variable._execution_engine.queue_callback(average)

    loss.register_hook(after_backward)
