# The default on the digits of `make demo`, which has to be run before.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [1, 2, 3]  # the demo's own is 0
methods = dict(
    none=dict(config='digits/none.py'),
    attention=dict(config='digits/attention.py'),
    pkd=dict(config='digits/pkd.py'),
    pkd_tskd=dict(config='digits/pkd_tskd.py'),
    pkd_share=dict(config='digits/pkd_share.py'),
)
comparisons = [
    ('attention', 'none'),
    ('pkd', 'none'),
    ('pkd_tskd', 'none'),
    ('pkd_tskd', 'pkd'),
    ('pkd_share', 'pkd'),
]
