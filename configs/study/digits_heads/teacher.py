# The student's neck and head, for CrossKD needs heads of one width, with a deeper and
# wider backbone.
_base_ = 'none.py'

model = dict(
    backbone=dict(depth=34, base_channels=32),
    neck=dict(in_channels=[32, 64, 128, 256]),
)
