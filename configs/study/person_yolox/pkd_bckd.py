# Features and heads: of the teacher's 80 classes the student's one.
_base_ = 'pkd.py'

model = dict(teacher_classes=['person'], head_losses=dict(bckd=dict(type='BCKDLoss')))
