"""What the distiller adds to a detector's losses, and what it leaves alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toys import detection_batch, tiny_distiller

from tskd_mm.models import AttentionTransferLoss, PKDLoss
from tskd_mm.models.features.padding import valid_pixels

pytestmark = pytest.mark.usefixtures('mmdet_scope')
ATTENTION = {'attention': {'type': 'AttentionTransferLoss'}}  # of any channels


@pytest.fixture
def distiller() -> nn.Module:
    model = tiny_distiller()
    model.init_weights()
    for slot in range(3):
        for parameter in model.student.backbone.parameters():
            parameter.data.mul_(1.02)
        model.memorize(slot)
    return model.train()


def _outputs(module: nn.Module) -> list:
    """Grows with what the module returns from now on."""
    seen: list = []
    module.register_forward_hook(lambda m, args, output: seen.append(output))
    return seen


def _teacher_levels(distiller: nn.Module, inputs: Tensor, samples: list) -> list:
    teacher = distiller.teacher
    with torch.no_grad():
        return teacher.model.extract_feat(teacher.adapt(inputs, samples).inputs)


def test_a_general_step_adds_the_static_losses(distiller: nn.Module):
    inputs, samples = detection_batch(distiller.data_preprocessor)
    own = distiller.student.loss(inputs, samples)
    seen, passes = _outputs(distiller.student.neck), _outputs(distiller.backbone)
    distiller.phase = 'general'
    losses = distiller(inputs, samples, mode='loss')
    assert len(seen) == len(passes) == 1
    assert set(losses) == {*own, 'loss_pkd', 'ratio_pkd'}
    for name, values in own.items():
        assert torch.equal(torch.stack(losses[name]), torch.stack(values))
    expected = 0
    for student, teacher in zip(seen[0], _teacher_levels(distiller, inputs, samples)):
        mask = valid_pixels(samples, student.shape[-2:], student)
        expected += PKDLoss()(student * mask, teacher * mask, mask)
    torch.testing.assert_close(losses['loss_pkd'], expected)


def test_a_review_adds_its_loss(distiller: nn.Module):
    inputs, samples = detection_batch(distiller.data_preprocessor)
    seen = _outputs(distiller.student.neck)
    for phase in ('general', 'memorize'):
        distiller.phase = phase
        assert 'loss_review' not in distiller.loss(inputs, samples)
    distiller.phase = 'review'
    losses = distiller.loss(inputs, samples)
    expected = distiller.review(
        distiller.bank.levels(inputs),
        seen[2],
        _teacher_levels(distiller, inputs, samples),
        [valid_pixels(samples, level.shape[-2:], level) for level in seen[2]],
    )
    torch.testing.assert_close(losses['loss_review'], expected)


@pytest.mark.parametrize('phase', ['memorize', 'review', 'general'])
def test_gradients_reach_what_trains_in_each_phase(distiller: nn.Module, phase: str):
    distiller.phase = phase
    loss, _ = distiller.parse_losses(
        distiller.loss(*detection_batch(distiller.data_preprocessor))
    )
    loss.backward()
    reviewed = [p.grad for p in distiller.review.parameters()]
    if phase == 'review':
        first = len(reviewed) // len(distiller.review.predictors)
        assert all(g.abs().sum() > 0 for g in reviewed[:first])
        assert not any(g is None for g in reviewed)
    else:
        assert all(g is None for g in reviewed)
    trained = [p for p in distiller.student.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trained)
    outside = [*distiller.teacher.model.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in outside)
    kept = [t for snapshot in distiller.bank.slots.values() for t in snapshot.values()]
    assert all(t.grad is None and not t.requires_grad for t in kept)


def test_the_review_alone_trains_the_student(distiller: nn.Module):
    distiller.phase = 'review'
    losses = distiller.loss(*detection_batch(distiller.data_preprocessor))
    losses['loss_review'].backward()
    gradient = distiller.student.backbone.layer2[0].downsample[0].weight.grad
    assert gradient.abs().sum() > 0
    assert distiller.student.bbox_head.retina_cls.weight.grad is None


def test_under_amp_maps_and_losses_are_float32(distiller: nn.Module):
    seen: dict[str, list[torch.dtype]] = {'features': [], 'targets': []}
    distiller.student.neck.register_forward_hook(
        lambda m, args, levels: seen['features'].extend(x.dtype for x in levels)
    )
    for predictor in distiller.review.predictors:
        predictor.head.register_forward_hook(
            lambda m, args, out: seen['targets'].extend([args[0].dtype, out.dtype])
        )
    inputs, samples = detection_batch(distiller.data_preprocessor)
    distiller.phase = 'review'
    with torch.autocast('cpu', torch.bfloat16):
        losses = distiller.loss(inputs, samples)
    assert torch.bfloat16 in seen['features']
    assert set(seen['targets']) == {torch.float32}
    names = ('loss_pkd', 'loss_review')
    assert all(losses[name].dtype == torch.float32 for name in names)
    exact = distiller.loss(inputs, samples)
    for name in names:
        torch.testing.assert_close(losses[name], exact[name], rtol=0.05, atol=1e-4)


def test_features_of_another_size_are_pooled_to_the_student_s():
    distiller = tiny_distiller(
        student_taps=['backbone.layer2'],
        teacher_taps=['backbone.layer1'],
        feature_losses=ATTENTION,
    )
    distiller.init_weights()
    inputs, samples = detection_batch(distiller.data_preprocessor, [(64, 64)] * 2)
    seen = _outputs(distiller.student.backbone.layer2)
    full = _outputs(distiller.teacher.model.backbone.layer1)
    losses = distiller.loss(inputs, samples)
    assert full[0].shape[-2:] == (16, 16)
    expected = AttentionTransferLoss()(seen[0], F.avg_pool2d(full[0], 2))
    torch.testing.assert_close(losses['loss_attention'], expected)


def test_levels_that_both_have_are_distilled():
    distiller = tiny_distiller(
        teacher_taps=['backbone'], strides=[8, 32], feature_losses=ATTENTION
    )
    distiller.init_weights()
    inputs, samples = detection_batch(distiller.data_preprocessor, [(64, 64)] * 2)
    seen = _outputs(distiller.student.neck), _outputs(distiller.teacher.model.backbone)
    losses = distiller.loss(inputs, samples)
    pairs = (seen[0][0][0], seen[1][0][1]), (seen[0][0][2], seen[1][0][3])
    expected = sum(AttentionTransferLoss()(*pair) for pair in pairs)
    torch.testing.assert_close(losses['loss_attention'], expected)
    assert len(distiller.review.predictors) == 2
