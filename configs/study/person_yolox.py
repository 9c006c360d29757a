# YOLOX-Nano of COCO to YOLOX-Pico for persons, on the images of the person study.
metric = 'coco/bbox_mAP'
times = 100  # AP in percent
seeds = [0, 1, 2]
methods = dict(
    none=dict(config='person_yolox/none.py'),
    pkd=dict(config='person_yolox/pkd.py'),
    bckd=dict(config='person_yolox/bckd.py'),
    pkd_bckd=dict(config='person_yolox/pkd_bckd.py'),
)
comparisons = [
    ('pkd', 'none'),
    ('bckd', 'none'),
    ('pkd_bckd', 'none'),
    ('bckd', 'pkd'),
    ('pkd_bckd', 'pkd'),
]
