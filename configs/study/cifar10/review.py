# For trials of the review: narrow predictors and a small teacher, to save time.
_base_ = 'kd_tskd.py'

model = dict(
    teacher='{{ fileDirname }}/teacher20.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/resnet20_cifar10.pth',
    review=dict(
        predictor=dict(_delete_=True, type='IncrementPredictor', hidden_channels=16)
    ),
)
