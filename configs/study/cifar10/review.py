# For trials of the review: a quarter of the recipe's predictors and a small teacher, so
# that a training takes a third of the time.
_base_ = 'kd_tskd.py'

model = dict(
    teacher='{{ fileDirname }}/teacher20.py',
    teacher_checkpoint='{{$TSKD_DATA:data}}/resnet20_cifar10.pth',
    review=dict(
        predictor=dict(_delete_=True, type='IncrementPredictor', hidden_channels=16)
    ),
)
