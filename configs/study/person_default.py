# The default for detectors, on the persons, with seeds that no other study has seen.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [20, 21, 22, 23, 24]
methods = dict(
    none=dict(config='person/none.py'),
    attention=dict(config='person/attention.py'),
    pkd=dict(config='person/pkd.py'),
    pkd_review=dict(config='person/pkd_tskd.py'),
)
comparisons = [
    ('attention', 'none'),
    ('pkd', 'none'),
    ('pkd_review', 'none'),
    ('pkd_review', 'pkd'),
]
