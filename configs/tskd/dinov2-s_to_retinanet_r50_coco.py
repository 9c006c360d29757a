_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', '../_base_/tskd_fpn.py']

# A foundation model: DINOv2 ViT-S/14, trained without labels on 142 M images. Its last
# tokens are one map, which teaches three levels of the student.
taps = ['backbone.ln1'] * 3
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmpretrain::dinov2/vit-small-p14_dinov2-pre_headless.py',
    teacher_taps=taps,
    teacher_size=(560, 924),  # 40 x 66 patches: 0.7 of the student's 800 x 1333
    strides=[8, 16, 32],
    **_base_.tskd,
)
model.update(feature_losses=dict(pkd=dict(type='PKDLoss', loss_weight=1.0)))
custom_hooks = [_base_.tskd_hook]
