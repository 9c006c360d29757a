# The student's features through the last layers of the teacher's head.
_base_ = 'pkd.py'

model = dict(
    feature_losses=dict(_delete_=True),
    head_losses=dict(crosskd=dict(type='CrossKDLoss')),
)
