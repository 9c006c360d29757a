"""Losses in the wrong shape, and the line that would be right."""

from contextlib import suppress

import pytest
from refusals import refused
from torch.nn import L1Loss

from tskd_mm.models import AttentionTransferLoss, losses
from tskd_mm.models.losses.loss_configs import check_loss_configs


@pytest.mark.parametrize(
    'configs, found, line',
    [
        (
            dict(type='PKDLoss', loss_weight=6.0),
            "dict(type='PKDLoss', loss_weight=6.0)",
            "dict(pkd=dict(type='PKDLoss', loss_weight=6.0))",
        ),
        (dict(a='PKDLoss'), "dict(a='PKDLoss')", "dict(a=dict(type='PKDLoss'))"),
        ('CWDLoss', "'CWDLoss'", "dict(cwd=dict(type='CWDLoss'))"),
        ('tskd.CWDLoss', "'tskd.CWDLoss'", "dict(cwd=dict(type='tskd.CWDLoss'))"),
        (
            [dict(type='PKDLoss'), dict(type='CWDLoss')],
            "[{'type': 'PKDLoss'}, {'type': 'CWDLoss'}]",
            "dict(pkd=dict(type='PKDLoss'), cwd=dict(type='CWDLoss'))",
        ),
        (
            AttentionTransferLoss,
            'AttentionTransferLoss',
            'dict(attentiontransfer=dict(type=AttentionTransferLoss))',
        ),
        (
            dict(a=dict(loss_weight=6)),
            'dict(a=dict(loss_weight=6))',
            "dict(a=dict(type='PKDLoss', loss_weight=6))",
        ),
        (True, 'True', "dict(pkd=dict(type='PKDLoss'))"),
        (
            dict(_delete_=True, a=dict(type='PKDLoss')),
            "dict(_delete_=True, a=dict(type='PKDLoss'))",
            "dict(a=dict(type='PKDLoss'))",
        ),
    ],
)
@pytest.mark.parametrize('argument', ['feature_losses', 'logit_losses'])
def test_the_wrong_shape(argument: str, configs: object, found: str, line: str):
    text = (
        f'{argument} must be a dict of configs by name, but got {found}: write '
        f'{argument}={line}'
    )
    with refused(text, TypeError):
        check_loss_configs(argument, configs)


def test_the_right_shape():
    check_loss_configs('feature_losses', None)
    check_loss_configs('feature_losses', {})
    check_loss_configs('feature_losses', dict(a=dict(type=AttentionTransferLoss)))
    check_loss_configs('logit_losses', dict(a=dict(type='MultiLabelKLLoss')))


@pytest.mark.parametrize(
    'argument, kind, what, other',
    [
        ('logit_losses', 'AttentionTransferLoss', 'features', 'feature_losses'),
        ('feature_losses', 'LogitKLLoss', 'scores', 'logit_losses'),
        ('head_losses', 'MultiLabelKLLoss', 'scores', 'logit_losses'),
        ('logit_losses', 'BCKDLoss', 'heads', 'head_losses'),
    ],
)
def test_a_loss_of_the_other_argument(argument, kind, what, other):
    text = (
        f'{kind} compares {what}, but is listed in {argument}: write '
        f"{other}=dict(it=dict(type='{kind}'))"
    )
    with refused(text):
        check_loss_configs(argument, dict(it=dict(type=kind)))


@pytest.mark.parametrize('kind', losses.__all__)
def test_every_loss_belongs_to_one_argument(kind: str):
    taken = []
    for argument in ('feature_losses', 'logit_losses', 'head_losses'):
        with suppress(ValueError):
            check_loss_configs(argument, dict(it=dict(type=kind)))
            taken.append(argument)
    assert len(taken) == 1


def test_a_loss_that_does_not_name_its_heads():
    text = (
        'L1Loss is listed in head_losses, but its class has no attribute compares: '
        'give it under feature_losses or logit_losses'
    )
    for argument in ('feature_losses', 'logit_losses'):
        check_loss_configs(argument, dict(it=dict(type=L1Loss)))
    with refused(text):
        check_loss_configs('head_losses', dict(it=dict(type=L1Loss)))


def test_an_unknown_loss():
    with pytest.raises(KeyError, match="there is no loss 'KLLoss': check its spelling"):
        check_loss_configs('logit_losses', dict(kl=dict(type='KLLoss')))
