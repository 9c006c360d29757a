_base_ = [
    'mmpretrain::resnet/resnet18_8xb32_in1k.py',
    '../_base_/tskd_imagenet.py',
]

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmpretrain::resnet/resnet34_8xb32_in1k.py',
    student_taps=['backbone.layer1', 'backbone.layer2', 'backbone.layer3'],
    **_base_.tskd,
)
# 12 reviews in 100 epochs, as many as the release has in 240.
custom_hooks = [dict(type='TSKDMemoryHook', interval=2)]
