# The teacher: CIFAR-10's ResNet-20, fine-tuned for the small images.
_base_ = 'none.py'

model = dict(backbone=dict(depth=20))
load_from = '{{$TSKD_DATA:data}}/resnet20_cifar10.pth'
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = dict(milestones=[12, 18, 22])
train_cfg = dict(max_epochs=24, val_interval=8, dynamic_intervals=None)
# Without the hook of the studies' folder, which tools/train.py does not look into.
default_hooks = dict(
    _delete_=True, checkpoint=dict(type='CheckpointHook', interval=-1, save_last=True)
)
