# Two teachers in turn: one trained on the 4000 images alone, then the usual one.
_base_ = 'pkd.py'

first = 'work_dirs/resnet20/epoch_16.pth'
usual = _base_.model.teacher_checkpoint
model = dict(teacher_checkpoint=first)
route = dict(type='TeacherRouteHook', checkpoints=[(0, first), (4, usual)])
custom_hooks = [*_base_.custom_hooks, route]
