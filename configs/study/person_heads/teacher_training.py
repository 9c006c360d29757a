# How the teacher is trained: by YOLOX-Nano with PKD, three times as long as a student.
_base_ = '../person/pkd.py'

model = dict(student=dict(bbox_head=dict(stacked_convs=4)))
epochs = 48
train_cfg = dict(max_epochs=epochs, val_interval=12)
_base_.param_scheduler[1].T_max = epochs
