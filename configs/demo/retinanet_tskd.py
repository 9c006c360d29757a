_base_ = ['retinanet_student.py', '../_base_/tskd_fpn.py']

_base_.tskd.update(teacher_checkpoint='work_dirs/demo/teacher/epoch_16.pth')

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/retinanet_teacher.py',
    **_base_.tskd,
)
# The fifth validation image has few digits, far apart.
custom_hooks = [_base_.tskd_hook, dict(type='TSKDVisualizationHook', image=4)]
