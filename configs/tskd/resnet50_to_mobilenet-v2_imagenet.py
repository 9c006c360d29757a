_base_ = [
    'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py',
    '../_base_/tskd_imagenet.py',
]

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmpretrain::resnet/resnet50_8xb32_in1k.py',
    # Strides 4, 8 and 16 on both sides.
    student_taps=['backbone.layer2', 'backbone.layer3', 'backbone.layer5'],
    teacher_taps=['backbone.layer1', 'backbone.layer2', 'backbone.layer3'],
    **_base_.tskd,
)
# 15 reviews in 300 epochs.
custom_hooks = [dict(type='TSKDMemoryHook', interval=5)]
