# The student with a head twice as deep, and as wide, because CrossKD needs that.
_base_ = 'none.py'

model = dict(bbox_head=dict(stacked_convs=4))
epochs = 48
train_cfg = dict(max_epochs=epochs, val_interval=12)
_base_.param_scheduler[1].T_max = epochs
