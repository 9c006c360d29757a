_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

kd = dict(type='LogitKLLoss', temperature=4.0, loss_weight=0.9)
task = dict(head=dict(loss=dict(loss_weight=0.1)))
model = dict(student=task, logit_losses=dict(kd=kd))
