_base_ = '_base_/resnet56_to_resnet20_cifar100.py'

attention = dict(type='AttentionTransferLoss', normalize='spatial', loss_weight=1000.0)
model = dict(feature_losses=dict(attention=attention))
