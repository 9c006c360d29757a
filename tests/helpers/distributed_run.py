"""Short TSKD trainings; each process writes what it ended with.

Run by test_distributed.py, for each process: python distributed_run.py FOLDER BATCH
RANK PROCESSES.
"""

import os
import sys
from pathlib import Path

import torch
from mmdet.models import RetinaNet
from mmengine.config import ConfigDict
from mmengine.dist import get_rank
from mmengine.model import is_model_wrapper
from mmengine.registry import MODELS
from runs import watched
from tiny_detectors import tiny_detector
from torch import Tensor, nn
from torch.distributed import init_process_group
from toys import run_config, tiny_retinanet

from tskd_mm.models import Review
from tskd_mm.models.distillers.gradient_share import gradient_shares

VARIANTS = (
    'plain',
    'accumulation',
    'ema',
    'bfloat16',
    'concat',
    'static',
    'heads',
    'balance',
    'queries',
    'own_review',
    'route',
)


@MODELS.register_module()
class MeanScores(RetinaNet):
    """Its loss is a mean over images, whatever process they are on."""

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        scores, boxes = self.bbox_head(self.extract_feat(inputs))
        return {
            name: sum((x - 1).square().mean() for x in levels)
            for name, levels in (('loss_scores', scores), ('loss_boxes', boxes))
        }


@MODELS.register_module()
class LevelReview(Review):
    """With weights of its own: a factor for the newest past of each level."""

    def __init__(self, num_levels: int) -> None:
        super().__init__(num_levels)
        self.factors = nn.Parameter(torch.full((num_levels,), 0.5))

    def forward(self, past, student, teacher, valid, factor) -> Tensor:
        pairs = zip(self.factors, past[-1], student, teacher)
        gaps = (f * p.mean(1) + s.mean(1) - t.mean(1) for f, p, s, t in pairs)
        return factor * sum(gap.square().mean() for gap in gaps)


def config(folder: Path, batch: int, launcher: str, variant: str) -> ConfigDict:
    data = dict(data_root=f'{folder.parent}/', ann_file='boxes.json')
    training = run_config(folder / variant, data)
    student = training.model.student
    # mmdet divides by each process's own number of boxes: only ours is to be compared.
    student.bbox_head.loss_cls.loss_weight = student.bbox_head.loss_bbox.loss_weight = 0
    training.model.teacher = tiny_retinanet(width=12)
    # PKD, the default, has the statistics of one process's images.
    training.model.feature_losses = dict(
        attention=dict(type='AttentionTransferLoss', loss_weight=0.1)
    )
    training.model.teacher_checkpoint = str(folder.parent / 'teacher.pth')
    # Its default asks for one GPU a process.
    training.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    training.update(launcher=launcher, default_hooks=dict(checkpoint=None))
    training.train_dataloader.batch_size = batch
    training.optim_wrapper.clip_grad = dict(max_norm=35)
    training.auto_scale_lr = dict(enable=True, base_batch_size=8)
    if variant == 'accumulation':
        training.optim_wrapper.accumulative_counts = 2
    if variant == 'ema':
        training.custom_hooks.append(dict(type='EMAHook', momentum=0.1))
    if variant == 'bfloat16':
        training.optim_wrapper.type = 'CPUAmpOptimWrapper'
    if variant == 'concat':
        part = training.train_dataloader.dataset
        training.train_dataloader.dataset = dict(
            type='ConcatDataset',
            datasets=[dict(part, indices=5), dict(part, indices=-3)],
        )
    if variant == 'heads':
        training.model.review = None
        training.model.feature_losses = {}
        training.model.head_losses = dict(
            bckd=dict(type='BCKDLoss'),
            crosskd=dict(type='CrossKDLoss'),
            score=dict(type='ScoreWeightedL2Loss'),
        )
        training.custom_hooks = [dict(type='DistillationHook')]
    if variant == 'queries':
        student = tiny_detector('dab')
        for name in ('loss_cls', 'loss_bbox', 'loss_iou'):
            student.bbox_head[name].loss_weight = 0
        training.model = dict(
            type='TSKDDistiller',
            student=student,
            teacher=tiny_detector('dab', layers=3),
            teacher_checkpoint=str(folder.parent / 'dab.pth'),
            feature_losses={},
            head_losses=dict(query=dict(type='QueryKDLoss')),
            review=None,
        )
        training.custom_hooks = [dict(type='DistillationHook')]
    if variant == 'static':
        training.model.review = None
        training.model.feature_losses = dict(
            attention=dict(type='AttentionTransferLoss', loss_weight=0.1),
            fitnet=dict(type='FitNetLoss', loss_weight=0.1),
            fgd=dict(type='FGDLoss'),
        )
        training.custom_hooks = [dict(type='DistillationHook')]
    if variant == 'own_review':
        training.model.review = dict(type='LevelReview')
    if variant == 'route':
        files = (str(folder.parent / f'{name}.pth') for name in ('teacher', 'later'))
        checkpoints = [*zip((0, 2), files)]
        training.custom_hooks.append(
            dict(type='TeacherRouteHook', checkpoints=checkpoints)
        )
    if variant == 'balance':
        student.type = 'MeanScores'
        shares = dict(attention=0.5, review=0.1)
        training.custom_hooks.append(
            dict(type='LossBalanceHook', shares=shares, interval=2)
        )
    return training


def gradient_shares_of(rank: int) -> dict[str, tuple[float, float] | str]:
    """Of tensors that differ between two processes."""
    own = rank + 1.0
    a, b = torch.ones(1, requires_grad=True), torch.ones(2, requires_grad=True)
    task = own * a.sum() + (b.sum() if rank else 0)  # only one reaches b
    values = dict(good=3 * a.sum(), bad=(float('inf') if rank else 1.0) * a.sum())
    found = gradient_shares(task, values, dict(good=[a, b], bad=[a]))
    try:
        gradient_shares(a.sum(), dict(good=b.sum()), dict(good=[a, b]))
    except ValueError as error:
        return {**found, 'error': str(error)}
    return {**found}


def train(folder: Path, batch: int, launcher: str, variant: str) -> None:
    runner, losses = watched(config(folder, batch, launcher, variant))
    wrapped = is_model_wrapper(runner.model)
    model = runner.model.module if wrapped else runner.model
    state = {
        'wrapped': wrapped,
        'log': losses.rows,
        'lr': runner.optim_wrapper.param_groups[0]['lr'],
        'student': model.state_dict(),
        **model.tskd_state(),
    }
    if variant == 'ema':
        [hook] = [h for h in runner.hooks if type(h).__name__ == 'EMAHook']
        state['ema'] = hook.ema_model.module.state_dict()
    torch.save(state, folder / f'{variant}_{get_rank()}.pth')


def main() -> None:
    folder, (batch, rank, processes) = Path(sys.argv[1]), map(int, sys.argv[2:])
    launcher = 'pytorch' if processes > 1 else 'none'
    if processes > 1:
        # mmengine's own start needs CUDA, and torchrun a port that stays free.
        os.environ['LOCAL_RANK'] = str(rank)
        store = f'file://{folder}/store'
        init_process_group('gloo', store, rank=rank, world_size=processes)
    for variant in VARIANTS:
        train(folder, batch, launcher, variant)
    if processes > 1:
        torch.save(gradient_shares_of(rank), folder / f'shares_{rank}.pth')


if __name__ == '__main__':
    main()
