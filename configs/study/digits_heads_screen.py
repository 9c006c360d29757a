# Which loss of a detector's head is worth five seeds? The demo's student and images,
# another teacher, which has to be trained before.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [0]
methods = dict(
    none=dict(config='digits_heads/none.py'),
    pkd=dict(config='digits_heads/pkd.py'),
    bckd=dict(config='digits_heads/bckd.py'),
    crosskd=dict(config='digits_heads/crosskd.py'),
    pkd_bckd=dict(config='digits_heads/pkd_bckd.py'),
)
comparisons = [
    ('pkd', 'none'),
    ('bckd', 'none'),
    ('crosskd', 'none'),
    ('pkd_bckd', 'none'),
    ('bckd', 'pkd'),
    ('crosskd', 'pkd'),
    ('pkd_bckd', 'pkd'),
]
