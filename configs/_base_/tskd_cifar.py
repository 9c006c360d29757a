# TSKD as the release runs it on CIFAR: the first three feature maps, the teacher's
# before the last activation of the stage; softened logits at every step; 48 nodes and
# 12 reviews in 240 epochs; a smaller predictor where the maps are small.
tskd = dict(
    student_taps=['backbone.feature0', 'backbone.feature1', 'backbone.feature2'],
    teacher_taps=['backbone.preact0', 'backbone.preact1', 'backbone.preact2'],
    feature_losses=None,
    logit_losses=dict(kl=dict(type='LogitKLLoss', temperature=4.0, loss_weight=1.0)),
    review=dict(
        normalize='column',
        loss_weight=1.0,
        predictor=[
            dict(type='IncrementPredictor', hidden_channels=64),
            dict(type='IncrementPredictor', hidden_channels=64),
            dict(type='IncrementPredictor', hidden_channels=32),
        ],
    ),
)
custom_hooks = [dict(type='TSKDMemoryHook', interval=5)]
