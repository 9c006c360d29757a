# The control of kd_review25.py: in the same steps attention transfer of the same
# weight, which a review without a prediction is.
_base_ = 'kd_review25.py'

custom_imports = dict(imports=['tskd_mm', 'review_predictors'])
model = dict(review=dict(predictor=dict(_delete_=True, type='NoPrediction')))
