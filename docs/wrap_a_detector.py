"""Wraps a detector step by step: python docs/wrap_a_detector.py

What the config and the hook do is done by hand here, on a small RetinaNet and random
images, in seconds on a CPU.
"""

import tempfile
from copy import deepcopy
from pathlib import Path

import torch
from mmdet.testing import demo_mm_inputs
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS

from tskd_mm.engine import ReviewSchedule
from tskd_mm.models import attention_map, increment_sequence

register_all_modules()
MMLogger.get_instance('step by step', log_level='WARNING')
torch.manual_seed(0)


# 1. Two ordinary models: mmdet's RetinaNet, made small. The teacher is twice as wide.
def retinanet(width: int) -> ConfigDict:
    model = get_config('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py').model
    model.backbone.update(depth=18, base_channels=width, init_cfg=None)
    channels = [width * factor for factor in (1, 2, 4, 8)]
    model.neck.update(in_channels=channels, out_channels=2 * width)
    model.bbox_head.update(
        num_classes=3, in_channels=2 * width, feat_channels=2 * width
    )
    return model


student, teacher = retinanet(8), retinanet(16)
weights = Path(tempfile.mkdtemp(), 'teacher.pth')
torch.save({'state_dict': MODELS.build(teacher).state_dict()}, weights)

# 2. The distiller around them. It has looked at a blank image to find the levels.
model = MODELS.build(
    dict(
        type='TSKDDistiller',
        student=deepcopy(student),
        teacher=teacher,
        teacher_checkpoint=str(weights),
    )
)
print('taps', model.tap.paths, 'give levels of strides', model.strides)

# 3. The teacher comes in when training starts, and never gets in the way.
model.init_weights()
model.train()
model.phase = 'general'  # says the hook, which does all of step 4 in a training
print('teacher in training mode:', model.teacher.model.training)
names = [name for name, _ in model.named_parameters()]
print("parameters that are the teacher's:", sum('teacher' in name for name in names))

# 4. The schedule says what happens in an epoch; here an epoch is one step.
schedule = ReviewSchedule(interval=1, num_slots=3)
optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-3))
for epoch in range(4):
    node = schedule.node(epoch)
    model.phase = node.kind
    batch = demo_mm_inputs(2, [[3, 64, 96]] * 2, num_classes=3)
    losses = model.train_step(batch, optimizer)
    print(f'epoch {epoch + 1}, {node.kind}:', *sorted(losses))
    if node.slot is not None:
        model.memorize(node.slot)

# 5. What a review looks at, on the finest level.
inputs = torch.randn(2, 3, 64, 96)
past = [attention_map(levels[0], 'rms') for levels in model.bank.levels(inputs)]
with torch.no_grad():
    features = model.tap.run(lambda: model.student(inputs, mode='tensor'))
    now = attention_map(features.levels[0], 'rms')
    history = increment_sequence(past, now)
    prediction = model.review.predictors[0](history)
print('increments (T, N, 1, H, W):', tuple(history.shape))
print('prediction (N, 1, H, W):', tuple(prediction.shape))

# 6. The checkpoint is a plain student.
plain = MODELS.build(student)
print('plain student:', plain.load_state_dict(model.state_dict()))
