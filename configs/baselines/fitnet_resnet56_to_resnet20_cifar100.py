_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

fitnet = dict(type='FitNetLoss', loss_weight=100.0, norm_relu=True)
model = dict(student_taps=['backbone.feature2'], feature_losses=dict(fitnet=fitnet))
