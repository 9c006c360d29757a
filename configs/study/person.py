# YOLOX-Nano of COCO to a small RetinaNet that finds persons, on 208 images.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [0, 1, 2, 3, 4]
methods = dict(
    none=dict(config='person/none.py'),
    attention=dict(config='person/attention.py'),
    pkd=dict(config='person/pkd.py'),
    tskd=dict(config='person/tskd.py'),
    pkd_tskd=dict(config='person/pkd_tskd.py'),
)
# The review is all that a method with TSKD has more than its static loss.
comparisons = [
    ('tskd', 'attention'),
    ('pkd_tskd', 'pkd'),
    ('attention', 'none'),
    ('pkd', 'none'),
    ('tskd', 'none'),
    ('pkd_tskd', 'none'),
]
