# Does the student's history help at the length of the release? ResNet-20 to ResNet-8 on
# 10,000 images of CIFAR-10 at 16x16 pixels.
metric = 'accuracy/top1'
seeds = [30, 31, 32, 33, 34]
methods = dict(
    none=dict(config='history/none.py'),
    kd=dict(config='history/kd.py'),
    kd_tskd=dict(config='history/kd_tskd.py'),
    kd_review25=dict(config='history/kd_review25.py'),
    kd_attention25=dict(config='history/kd_attention25.py'),
    pkd_kd=dict(config='history/pkd_kd.py'),
    pkd_kd_tskd=dict(config='history/pkd_kd_tskd.py'),
)
comparisons = [
    ('kd', 'none'),
    ('kd_tskd', 'kd'),
    ('kd_review25', 'kd'),
    ('kd_attention25', 'kd'),
    ('kd_review25', 'kd_attention25'),
    ('pkd_kd', 'kd'),
    ('pkd_kd_tskd', 'pkd_kd'),
]
