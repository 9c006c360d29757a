# PKD from a teacher with a deeper head, which has to be trained before.
_base_ = 'none.py'
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='{{ fileDirname }}/teacher.py',
    teacher_checkpoint='work_dirs/person_teacher/epoch_48.pth',
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    review=None,
)
custom_hooks = [dict(type='DistillationHook', preflight=False)]
