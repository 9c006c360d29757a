"""Reviews of one's own: what they are given, and what is kept for them."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from digits_run import digits_config
from doc_blocks import block
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from refusals import refused
from runs import check_resumed, saving, watched
from torch import Tensor, nn
from toys import load_whole, same_tensors

from tskd_mm.models import Review, TemporalReview
from tskd_mm.models.review.review import review_inputs
from tskd_mm.models.review.temporal_review import scale_gradient, scale_value


@MODELS.register_module(force=True)
class LearnedReview(Review):
    """Has a layer and a buffer, and asks for all there is."""

    def __init__(self, num_levels: int, name: str = 'x') -> None:
        super().__init__(num_levels)
        self.name = name
        self.scale = nn.Linear(10, 10)
        self.register_buffer('steps', torch.zeros(()))
        self.seen: dict = {}

    def forward(
        self,
        past,
        student,
        teacher,
        valid,
        factor,
        data_samples,
        past_logits,
        student_logits,
        teacher_logits,
    ) -> Tensor:
        self.seen = {k: v for k, v in locals().items() if k != 'self'}
        self.steps += 1
        predicted = self.scale(past_logits[-1] - past_logits[0])
        own = scale_gradient(student_logits, factor)
        loss = F.mse_loss(own + predicted, teacher_logits)
        return scale_value(loss, factor)


@pytest.fixture
def of_the_docs():
    """The review that docs/extending.md shows, registered as there."""
    MODELS._module_dict.pop('PastMeanReview', None)
    exec(block('extending.md', 'A review', 'python'), {})
    yield
    MODELS._module_dict.pop('PastMeanReview', None)


def config(folder: Path, **review: object) -> ConfigDict:
    """4 epochs of 2 steps, the last a review."""
    config = digits_config(folder)
    config.model.review = review
    return config


def test_the_review_of_the_docs_follows_its_equation(tmp_path, of_the_docs):
    page = block('extending.md', 'A review', 'python')
    assert len(page.splitlines()) <= 30
    runner, watch = watched(config(tmp_path, type='PastMeanReview', loss_weight=2.0))
    assert ['loss_review' in row for row in watch.rows] == [False] * 6 + [True] * 2
    model = runner.model.eval()
    model.phase, model.loss_factors = 'review', dict(review=0.5)
    batch = next(iter(runner.train_dataloader))
    data = model.data_preprocessor(batch, False)
    found = model.loss(**data)['loss_review']
    head = 'head.fc.weight'
    assert all(head in snapshot for snapshot in model.bank.slots.values())
    scores = []
    for snapshot in model.bank.slots.values():
        past = copy.deepcopy(model.student)
        past.load_state_dict(dict(past.state_dict()) | snapshot)
        scores.append(past(data['inputs']).softmax(1))
    p, q = torch.stack(scores).mean(0), model.student(data['inputs']).softmax(1)
    expected = 2.0 * 0.5 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_all_that_is_asked_for_is_given(tmp_path):
    runner, watch = watched(config(tmp_path, type='LearnedReview'))
    seen = runner.model.review.seen
    assert [[f.shape[1] for f in levels] for levels in seen['past']] == [[4, 8]] * 3
    assert [f.shape[1] for f in seen['student']] == [4, 8]
    assert [f.shape[1] for f in seen['teacher']] == [6, 12]
    assert [scores.shape for scores in seen['past_logits']] == [(32, 10)] * 3
    assert not any(scores.requires_grad for scores in seen['past_logits'])
    assert seen['student_logits'].requires_grad
    assert seen['teacher_logits'].shape == (32, 10)
    assert len(seen['data_samples']) == 32 and seen['valid'] == [None, None]
    assert runner.model.review.num_levels == 2
    assert watch.rows[-1]['loss_review'] > 0


def test_its_layers_are_trained_in_reviews_alone_and_saved_apart(tmp_path):
    cfg = saving(config(tmp_path, type='LearnedReview'))
    runner, _ = watched(cfg)
    entries = [load_whole(tmp_path / f'work/epoch_{e}.pth') for e in (1, 3, 4)]
    first, before, after = (entry['tskd']['review'] for entry in entries)
    assert first.keys() == {'scale.weight', 'scale.bias', 'steps'}
    assert same_tensors(first, before)
    assert not torch.equal(before['scale.weight'], after['scale.weight'])
    assert after['steps'] == 2  # and not those of the panel
    plain = runner.model.student.state_dict()
    assert entries[0]['state_dict'].keys() == plain.keys()


def test_resumed_bit_for_bit(tmp_path):
    cfg = saving(config(tmp_path, type='LearnedReview'))
    cfg.train_cfg.max_epochs = 8
    check_resumed(cfg, tmp_path, 'epoch_5.pth', 'epoch_8.pth')


def test_the_scores_are_tapped_where_a_review_asks_for_them(tmp_path):
    cfg = config(tmp_path)
    cfg.model.logit_losses = None
    assert MODELS.build(dict(_scope_='mmpretrain', **cfg.model)).logit_taps == (
        None,
        None,
    )
    cfg.model.review = dict(type='LearnedReview')
    model = MODELS.build(dict(_scope_='mmpretrain', **cfg.model))
    assert model.logit_taps[0] == 'head'
    assert 'head.fc.weight' in model.bank.parameter_names


def test_a_memory_holds_what_the_review_asks_for_alone(tmp_path):
    model = MODELS.build(dict(_scope_='mmpretrain', **config(tmp_path).model))
    assert model.logit_taps[0] == 'head'  # for the static loss
    assert not any(name.startswith('head.') for name in model.bank.parameter_names)


def test_inputs_are_read_from_the_signature():
    assert review_inputs(None) == []
    assert review_inputs({}) == []
    assert review_inputs(dict(type=TemporalReview)) == []
    assert review_inputs(dict(type='LearnedReview')) == [
        'past_logits',
        'student_logits',
        'teacher_logits',
        'data_samples',
    ]


def test_another_class_is_refused(tmp_path):
    text = (
        'review must be a Review (tskd_mm.models.Review), but got PKDLoss: derive it '
        'from that class'
    )
    model = config(tmp_path, type='PKDLoss').model
    with refused(text):
        MODELS.build(dict(_scope_='mmpretrain', **model))
