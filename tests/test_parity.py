"""The reference numbers of ``golden/README.md``, through the public classes.

``TSKD_GOLDEN_DIR`` replaces the folder; every size is read from the arrays.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch import Tensor

from tskd_mm.engine.schedule.review_schedule import ReviewSchedule
from tskd_mm.models.features.attention_map import attention_map
from tskd_mm.models.losses import LogitKLLoss
from tskd_mm.models.review.increment_predictor import IncrementPredictor
from tskd_mm.models.review.temporal_review import increment_sequence

# Rounding grows in the reviews. The last bits, and so the end of the trajectory, are
# those of the PyTorch and the kind of CPU that made it: 2.1 itself ends 1.5e-3 off in
# the losses without oneDNN, and 7e-3 with the kernels of AVX-512.
SAME_KERNELS = (
    torch.__version__.startswith('2.1.')
    and torch.backends.cpu.get_cpu_capability() == 'AVX2'
    and 'AuthenticAMD' in Path('/proc/cpuinfo').read_text()
)
EXACT_STEPS = 12  # to the end of the first review every version and CPU agrees
LOSS_TOLERANCE, WEIGHT_TOLERANCE = (1e-4, 1e-4) if SAME_KERNELS else (1e-2, 5e-2)
GOLDEN = Path(os.environ.get('TSKD_GOLDEN_DIR', Path(__file__).parent / 'golden'))


def load(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f'{name}.npz') as arrays:
        return {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays.files}


def part(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)


def predictor_sizes(weights: dict[str, Tensor]) -> dict[str, int]:
    return {
        'hidden_channels': weights['encoder.weight'].shape[0] // 4,
        'stem_channels': weights['stem.weight'].shape[0],
    }


def test_the_attention_map_is_the_release_s():
    arrays = load('attention_map')
    close(attention_map(arrays['feature']), arrays['attention'], 1e-6)


def test_increments_are_the_release_s():
    arrays = load('increments')
    found = increment_sequence(arrays['past'], arrays['current'])
    close(found, arrays['increments'], 1e-6)


def test_predictions_are_the_release_s():
    arrays = load('forecaster')
    weights = part(arrays, 'w/')
    predictor = IncrementPredictor(**predictor_sizes(weights))
    predictor.load_state_dict(weights)
    sequence = arrays['sequence'].requires_grad_()
    prediction = predictor(sequence)
    close(prediction, arrays['prediction'], 1e-5)
    prediction.backward(arrays['prediction_cotangent'])
    close(sequence.grad, arrays['sequence_grad'], 1e-5)
    gradients = part(arrays, 'g/')
    assert gradients.keys() == dict(predictor.named_parameters()).keys()
    for name, parameter in predictor.named_parameters():
        close(parameter.grad, gradients[name], 1e-5)


def test_the_kl_is_the_release_s():
    arrays = load('logit_kl')
    found = LogitKLLoss(float(arrays['temperature']))(
        arrays['student'], arrays['teacher']
    )
    torch.testing.assert_close(found, arrays['loss'], rtol=1e-6, atol=0)


def test_the_schedule_is_the_release_s():
    expected = json.loads((GOLDEN / 'schedule.json').read_text())
    slots = len(expected['memory'])
    schedule = ReviewSchedule(expected['interval'], slots)
    nodes = [schedule.node(epoch) for epoch in range(expected['epochs'])]
    for slot in range(slots):
        filled = [epoch for epoch, node in enumerate(nodes) if node.slot == slot]
        assert filled == expected['memory'][slot]
    reviews = [epoch for epoch, node in enumerate(nodes) if node.kind == 'review']
    assert reviews == expected['review']


@DATASETS.register_module()
class GoldenBatches(torch.utils.data.Dataset):
    """The images of the golden batches, in order."""

    def __init__(self) -> None:
        arrays = load('trajectory')
        self.images = arrays['images'].flatten(0, 1)
        self.labels = arrays['labels'].flatten()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:
        sample = DataSample().set_gt_label(int(self.labels[index]))
        return {'inputs': self.images[index], 'data_samples': sample}


@MODELS.register_module()
class GoldenPooling(torch.nn.Module):
    """The benchmark's pooling; adaptive pooling adds up in another order."""

    def forward(self, features: tuple[Tensor]) -> tuple[Tensor]:
        last = features[-1]
        return (torch.nn.functional.avg_pool2d(last, last.shape[-2:]).flatten(1),)


class Log(Hook):
    """Loads the golden weights before the first step; keeps the losses."""

    def __init__(self, predictors: list[dict[str, Tensor]]) -> None:
        self.predictors = predictors
        self.rows: list[list[float]] = []

    def before_train(self, runner: Runner) -> None:
        for predictor, weights in zip(
            runner.model.review.predictors, self.predictors, strict=True
        ):
            predictor.load_state_dict(weights)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        names = ('loss_review', 'loss_kl', 'loss_task')
        losses = [float(outputs.get(name, 'nan')) for name in names]
        self.rows.append([runner.epoch, batch_idx, *losses])


def classifier(state: dict[str, Tensor], blocks: int) -> dict:
    classes, channels = state['fc.weight'].shape
    stages = [state[f'layer{i}.0.conv1.weight'].shape[0] for i in (1, 2, 3)]
    widths = (state['conv1.weight'].shape[0], *stages)
    return dict(
        type='ImageClassifier',
        backbone=dict(type='CIFARResNet', depth=6 * blocks + 2, widths=widths),
        neck=dict(type='GoldenPooling'),
        head=dict(type='LinearClsHead', num_classes=classes, in_channels=channels),
        data_preprocessor=dict(type='ClsDataPreprocessor'),
    )


def in_host_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        ('head.' if name.startswith('fc.') else 'backbone.') + name: value
        for name, value in state.items()
    }


def blocks_in(state: dict[str, Tensor]) -> int:
    return len({name.split('.')[1] for name in state if name.startswith('layer1.')})


@pytest.fixture(scope='module')
def trajectory(tmp_path_factory) -> tuple[dict[str, Tensor], Runner, Log]:
    """Ten epochs by the real distiller, hook, Runner and optimiser wrapper."""
    torch.set_num_threads(1)  # as the reference was: threads share out the sums
    arrays, folder = load('trajectory'), tmp_path_factory.mktemp('trajectory')
    student, teacher = part(arrays, 'student_init/'), part(arrays, 'teacher/')
    for name, state in {'student': student, 'teacher': teacher}.items():
        torch.save(in_host_names(state), folder / f'{name}.pth')
    first = part(arrays, 'predictor_init/')
    levels = sorted({name.split('/')[0] for name in first})
    predictors = [part(first, f'{level}/') for level in levels]
    stages = range(len(levels))
    config = ConfigDict(
        default_scope='mmpretrain',
        work_dir=str(folder),
        model=dict(
            type='TSKDDistiller',
            student=classifier(student, blocks_in(student)),
            teacher=classifier(teacher, blocks_in(teacher)),
            teacher_checkpoint=str(folder / 'teacher.pth'),
            student_taps=[f'backbone.feature{i}' for i in stages],
            teacher_taps=[f'backbone.preact{i}' for i in stages],
            feature_losses=None,
            logit_losses=dict(kl=dict(type='LogitKLLoss', temperature=4.0)),
            review=dict(
                normalize='column',
                loss_weight=1.0,
                predictor=[
                    dict(type='IncrementPredictor', **predictor_sizes(weights))
                    for weights in predictors
                ],
            ),
        ),
        load_from=str(folder / 'student.pth'),
        train_dataloader=dict(
            batch_size=arrays['images'].shape[1],
            sampler=dict(type='DefaultSampler', shuffle=False),
            num_workers=0,
            dataset=dict(type='GoldenBatches'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=int(arrays['log'][-1, 0]) + 1),
        optim_wrapper=dict(
            optimizer=dict(
                type='SGD', lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4
            )
        ),
        custom_hooks=[dict(type='TSKDMemoryHook', interval=1)],
        default_hooks=dict(logger=None, checkpoint=None),
        log_level='ERROR',
        experiment_name='trajectory',
    )
    runner = Runner.from_cfg(config)
    log = Log(predictors)
    runner.register_hook(log)
    runner.train()
    return arrays, runner, log


def test_a_run_has_the_losses_of_the_release(trajectory):
    arrays, _, log = trajectory
    found = torch.tensor(log.rows, dtype=torch.float64)
    for steps, tolerance in ((slice(EXACT_STEPS), 1e-4), (slice(None), LOSS_TOLERANCE)):
        torch.testing.assert_close(
            found[steps], arrays['log'][steps], rtol=0, atol=tolerance, equal_nan=True
        )
    assert 0 < torch.isnan(found[:, 2]).sum() < len(found)


def test_a_run_ends_with_the_weights_of_the_release(trajectory):
    arrays, runner, _ = trajectory
    expected = in_host_names(part(arrays, 'student_final/'))
    found = runner.model.state_dict()
    assert found.keys() == expected.keys()
    predictors = part(arrays, 'predictor_final/')
    for level, predictor in enumerate(runner.model.review.predictors):
        state = predictor.state_dict().items()
        found |= {f'{level}/{name}': value for name, value in state}
    for name, value in (expected | predictors).items():
        close(found[name], value, WEIGHT_TOLERANCE)
