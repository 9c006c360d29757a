_base_ = 'review.py'

custom_imports = dict(imports=['tskd_mm', 'review_predictors'])
model = dict(review=dict(predictor=dict(_delete_=True, type='NoPrediction')))
