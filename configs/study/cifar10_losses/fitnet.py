# The level and weight of configs/baselines.
_base_ = 'pkd.py'

fitnet = dict(type='FitNetLoss', loss_weight=100.0, norm_relu=True)
model = dict(
    student_taps=['backbone.feature2'],
    teacher_taps=['backbone.feature2'],
    feature_losses=dict(_delete_=True, fitnet=fitnet),
)
