_base_ = 'kd_tskd.py'

custom_imports = dict(imports=['tskd_mm', 'review_predictors'])
model = dict(review=dict(predictor=dict(_delete_=True, type='LastIncrement')))
