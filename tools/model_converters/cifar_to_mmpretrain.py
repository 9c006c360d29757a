r"""Give a checkpoint of the CIFAR distillation benchmarks the names of mmpretrain.

Example:
    python tools/model_converters/cifar_to_mmpretrain.py \
        configs/cifar/resnet56_cifar10.py resnet56.th work_dirs/resnet56.pth
"""

import argparse
from collections import OrderedDict
from pathlib import Path

import torch
from mmengine.registry import MODELS
from torch import Tensor

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.models.loading.checkpoint import load_weights
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.loading.strict_loading import fit

# Names of the last linear layer, in RepDistiller, mdistiller and the CIFAR-10 models.
CLASSIFIERS = ('fc', 'linear', 'classifier', 'classifier.0')


def convert(weights: dict[str, Tensor]) -> tuple[OrderedDict[str, Tensor], str]:
    """Rename to ``backbone.*`` and ``head.fc.*``.

    Args:
        weights: State dict of a benchmark model, without the prefix ``module.``.

    Returns:
        The renamed state dict and the name that the classifier had.

    Raises:
        ValueError: If there is not exactly one classifier.
    """
    found = [name for name in CLASSIFIERS if f'{name}.weight' in weights]
    if len(found) != 1:
        raise ValueError(
            f'expected one classifier called {" or ".join(CLASSIFIERS)}, but found '
            f'{found or "none"} among {len(weights)} tensors: this is no classifier '
            'of the CIFAR benchmarks'
        )
    head = f'{found[0]}.'
    renamed = OrderedDict(
        (
            f'head.fc.{name.removeprefix(head)}'
            if name.startswith(head)
            else f'backbone.{name}',
            tensor,
        )
        for name, tensor in weights.items()
    )
    return renamed, found[0]


@errors_as_messages()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help="the model's config, to check the names against")
    parser.add_argument('source', help='published checkpoint: path or URL')
    parser.add_argument('target', type=Path, help='file to write')
    args = parser.parse_args()

    weights = load_weights(args.source)
    renamed, classifier = convert(weights)
    model = MODELS.build(find_model(args.config, 'teacher').config)
    fit(model, renamed, args.source)
    args.target.parent.mkdir(parents=True, exist_ok=True)
    torch.save({'state_dict': renamed}, args.target)
    classes, channels = renamed['head.fc.weight'].shape
    print(
        f'{args.source}: {len(weights)} tensors, classifier {classifier!r} from '
        f'{channels} channels to {classes} classes; every one fits '
        f'{type(model.backbone).__name__} of {args.config}\nwritten to {args.target}'
    )


if __name__ == '__main__':
    main()
