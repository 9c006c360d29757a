"""A review of one's own: the student should agree with what it was on average."""

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from tskd_mm.models import Review


@MODELS.register_module()
class PastMean(Review):
    """KL from the mean of the past students' probabilities to the student's."""

    def forward(
        self, past, student, teacher, valid, factor, past_logits, student_logits
    ) -> Tensor:
        mean = torch.stack(past_logits).softmax(-1).mean(0)
        own = student_logits.log_softmax(-1)
        return factor * F.kl_div(own, mean, reduction='batchmean')
