# Attention transfer and a review. Another family, other strides besides the shared
# ones, no normalisation: the teacher sees every batch by its own rules.
_base_ = 'none.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

tskd = dict(
    teacher_checkpoint='{{$TSKD_DATA:data}}/yolox_nano.pth',
    feature_losses=dict(attention=dict(type='AttentionTransferLoss', loss_weight=0.1)),
    review=dict(normalize='rms', loss_weight=1.0),
)
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    strides=[8, 16, 32],
    **tskd,
)
# Four cycles M1 M2 M3 R.
tskd_hook = dict(type='TSKDMemoryHook', interval=1)
custom_hooks = [dict(tskd_hook, preflight=False)]
