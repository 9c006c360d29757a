# The models and images of `make demo` without TSKD: a leaf names the loss.
_base_ = '../../demo/retinanet_student.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/../../demo/retinanet_teacher.py',
    teacher_checkpoint='work_dirs/demo/teacher/epoch_16.pth',
    feature_losses=dict(),
    review=None,
)
custom_hooks = [dict(type='DistillationHook')]
