"""A backend of torch.compile that keeps what it was given, and runs it as it is."""

from torch import Tensor, nn
from torch._dynamo import register_backend

graphs: list[nn.Module] = []
weights: set[int] = set()  # ids of parameters that a graph has run with


@register_backend
def logged(graph, inputs):
    graphs.append(graph)
    weights.update(map(id, graph.parameters()))

    def run(*args: Tensor):
        weights.update(id(x) for x in args if isinstance(x, nn.Parameter))
        return graph.forward(*args)

    return run


@register_backend
def broken(graph, inputs):
    raise OSError('no compiler was found\nand more')
