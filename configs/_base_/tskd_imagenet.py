# TSKD for ImageNet: three stages of the backbone, softened logits at every step.
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

tskd = dict(
    teacher_checkpoint='auto',
    feature_losses=None,
    logit_losses=dict(kl=dict(type='LogitKLLoss', temperature=4.0, loss_weight=1.0)),
    review=dict(normalize='rms', loss_weight=1.0),
)
