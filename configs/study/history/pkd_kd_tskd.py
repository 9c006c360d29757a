# PKD on the outputs of all stages, softened logits and the released review.
_base_ = 'kd_tskd.py'

model = dict(
    student_taps=['backbone.feature1', 'backbone.feature2', 'backbone.feature3'],
    teacher_taps=['backbone.preact1', 'backbone.preact2', 'backbone.preact3'],
    feature_losses=dict(_delete_=True, pkd=dict(type='PKDLoss')),
)
