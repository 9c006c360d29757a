# A review of one's own in the place of TSKD's.
_base_ = 'pkd_review.py'
custom_imports = dict(imports=['tskd_mm', 'past_mean'], allow_failed_imports=False)

model = dict(review=dict(_delete_=True, type='PastMean'))
