# PKD on the outputs of all stages, softened logits and a review of the same stages: the
# released one with its weight, but of the last stage in place of the stem.
_base_ = 'kd_tskd.py'

model = dict(
    student_taps=['backbone.feature1', 'backbone.feature2', 'backbone.feature3'],
    teacher_taps=['backbone.preact1', 'backbone.preact2', 'backbone.preact3'],
    feature_losses=dict(_delete_=True, pkd=dict(type='PKDLoss')),
)
