# TSKD for a detector with a feature pyramid and a 12-epoch schedule.
custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)

# PKD with its published weight gains on every small set that was tried; the review has
# the release's weight (docs/results.md).
tskd = dict(
    teacher_checkpoint='auto',  # the weights in the host's model index
    feature_losses=dict(pkd=dict(type='PKDLoss')),
    review=dict(normalize='rms', loss_weight=1.0),
)

# The release reviews 12 times in 240 epochs, 1 epoch in 20. With a node every epoch
# 12 epochs hold three whole cycles M1 M2 M3 R: reviews in epochs 4, 8 (the last before
# the learning rate drops) and 12.
tskd_hook = dict(type='TSKDMemoryHook', interval=1)
