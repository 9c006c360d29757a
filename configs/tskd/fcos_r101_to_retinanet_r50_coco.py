_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', '../_base_/tskd_fpn.py']

# Another family, and a caffe backbone (BGR, no division by the standard deviation):
# the teacher sees every batch in its own normalisation.
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='mmdet::fcos/fcos_r101-caffe_fpn_gn-head-1x_coco.py',
    **_base_.tskd,
)
custom_hooks = [_base_.tskd_hook]
