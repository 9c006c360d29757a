r"""Average the weights of several checkpoints of one model.

A common way to a slightly better model that costs nothing more: the mean of a
training's last checkpoints. Weights and statistics of floating point are averaged;
counters are those of the last checkpoint.

Example:
    python tools/model_converters/average_checkpoints.py my_detector.py \
        work_dirs/my_tskd_config/epoch_{10,11,12}.pth work_dirs/average.pth

With --own the checkpoints of a training with EMAHook give the student's own weights
instead of their moving average. Of one checkpoint they come out as they are.
"""

import argparse
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner, set_random_seed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tskd_mm.apis.errors_as_messages import errors_as_messages
from tskd_mm.apis.positive import positive
from tskd_mm.models.loading.checkpoint import load_weights, read_checkpoint
from tskd_mm.models.loading.model_config import find_model
from tskd_mm.models.loading.strict_loading import fit

EMA = 'ema_state_dict'  # where mmengine's EMAHook keeps the student's own weights


def average(checkpoints: Sequence[dict[str, Tensor]]) -> OrderedDict[str, Tensor]:
    """Mean of state dicts with the same keys; integers are those of the last."""
    return OrderedDict(
        (name, _mean([weights[name] for weights in checkpoints]))
        for name in checkpoints[-1]
    )


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    last = tensors[-1]
    if not last.is_floating_point():
        return last
    return torch.stack([tensor.double() for tensor in tensors]).mean(0).to(last.dtype)


def own_weights(checkpoint: str) -> OrderedDict[str, Tensor]:
    """The student's own weights in a checkpoint of a training with EMAHook.

    Raises:
        ValueError: If there are none.
    """
    content = read_checkpoint(checkpoint)
    if EMA not in content:
        raise ValueError(
            f'{checkpoint} has no entry {EMA!r}: it is of a training without EMAHook, '
            'whose weights are the own ones; leave --own out'
        )
    return OrderedDict(
        (name.removeprefix('module.'), tensor)
        for name, tensor in content[EMA].items()
        if name.startswith('module.')
    )


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[dict[str, Any]]) -> None:
    """Set the statistics of batch norm to the means over batches.

    Batch norm that stays in eval mode in a training (``norm_eval``) is left alone.

    Args:
        model: The model, in any mode; afterwards in eval mode.
        batches: Preprocessed: ``inputs`` (N, C, H, W) and ``data_samples``.

    Raises:
        ValueError: If the model has no such batch norm.
    """
    model.train()
    parts: list[Any] = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    norms = [norm for norm in parts if norm.training]
    model.eval()  # dropout and its like
    if not norms:
        raise ValueError(
            f'{type(model).__name__} trains no batch norm: leave --recalibrate out'
        )
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # each batch counts the same
        norm.train()
    for batch in batches:
        model(**batch, mode='tensor')
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.eval()


def training_images(config: Config, model: Any, count: int) -> Iterator[dict[str, Any]]:
    """Batches of at least ``count`` training images, not augmented as a batch.

    The same in every call.
    """
    set_random_seed(0)
    loader = Runner.build_dataloader(config.train_dataloader, seed=0)
    while count > 0:
        for batch in loader:
            data = model.data_preprocessor(batch, False)
            yield data
            count -= len(data['inputs'])
            if count <= 0:
                break


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help="the model's config, or that of its training")
    parser.add_argument('checkpoints', nargs='+', help='files or URLs, oldest first')
    parser.add_argument('out', type=Path, help='file to write')
    parser.add_argument(
        '--recalibrate',
        type=positive(int),
        metavar='IMAGES',
        help="take batch norm's statistics from so many training images of the config",
    )
    parser.add_argument('--own', action='store_true', help='see above')
    return parser.parse_args()


@errors_as_messages()
def main() -> None:
    args = parse_args()
    config = Config.fromfile(args.config)
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = MODELS.build(find_model(args.config, 'student').config)
    read = own_weights if args.own else load_weights
    checkpoints = []
    for file in args.checkpoints:
        fit(model, read(file), file)  # which leaves out what is no weight of the model
        checkpoints.append(deepcopy(model.state_dict()))
    model.load_state_dict(average(checkpoints))
    if args.recalibrate:
        recalibrate(model, training_images(config, model, args.recalibrate))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({'state_dict': model.state_dict()}, args.out)
    print(f'weights of {len(checkpoints)} checkpoint(s) written to {args.out}')


if __name__ == '__main__':
    main()
