"""A short TSKD training; each process writes what it ended with.

Run by test_distributed.py: python distributed_run.py FOLDER BATCH LAUNCHER.
"""

import sys
from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.dist import get_rank
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from toys import tiny_retinanet

import tskd_mm  # noqa: F401


def config(folder: Path, batch: int, launcher: str) -> ConfigDict:
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='RandomFlip', prob=0.0),
        dict(type='PackDetInputs'),
    ]
    student = tiny_retinanet()
    # mmdet divides by each process's own number of boxes: only ours is to be compared.
    student.bbox_head.loss_cls.loss_weight = student.bbox_head.loss_bbox.loss_weight = 0
    data = dict(data_root=f'{folder.parent}/', ann_file='boxes.json')
    return ConfigDict(
        default_scope='mmdet',
        launcher=launcher,
        # Its default asks for one GPU a process.
        model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
        ),
        work_dir=str(folder),
        model=dict(
            type='TSKDDistiller',
            student=student,
            teacher=tiny_retinanet(width=12),
            teacher_checkpoint=str(folder.parent / 'teacher.pth'),
        ),
        train_dataloader=dict(
            batch_size=batch,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
            dataset=dict(
                type='CocoDataset',
                pipeline=pipeline,
                data_prefix=dict(img=''),
                metainfo=dict(classes=('class0', 'class1', 'class2')),
                **data,
            ),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=5),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-3),
            clip_grad=dict(max_norm=35),
        ),
        custom_hooks=[dict(type='TSKDMemoryHook', interval=1)],
        default_hooks=dict(checkpoint=None),
        randomness=dict(seed=0),
        log_level='ERROR',
        experiment_name=f'{folder.name}',
    )


def main() -> None:
    folder, batch, launcher = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if launcher != 'none':
        torch.distributed.init_process_group('gloo')  # mmengine's own start needs CUDA
    runner = Runner.from_cfg(config(folder, batch, launcher))
    runner.train()
    wrapped = is_model_wrapper(runner.model)
    model = runner.model.module if wrapped else runner.model
    state = {'student': model.state_dict(), 'wrapped': wrapped, **model.tskd_state()}
    torch.save(state, folder / f'rank{get_rank()}.pth')


if __name__ == '__main__':
    main()
