# A review of weight 25, with maps that have a size.
_base_ = 'kd_tskd.py'

model = dict(review=dict(normalize='rms', loss_weight=25.0))
