_base_ = 'review.py'

custom_imports = dict(imports=['tskd_mm', 'detached_gap'])
model = dict(review=dict(type='DetachedGap'))
