"""The settings of every loss are those that its docstring gives the origin of."""

from inspect import signature

import pytest

from tskd_mm.models import losses

DEFAULTS = {
    'AttentionTransferLoss': ('rms', 1.0),
    'BCKDLoss': (1.0, 4.0),
    'CrossKDLoss': (1.0, 1.0),
    'CWDLoss': (1.0, 10.0),
    'DISTLoss': (1.0, 2.0),
    'DKDLoss': (1.0, 8.0, 4.0, 1.0),
    'FGDLoss': (0.5, 1e-3, 5e-4, 5e-4, 5e-6),
    'FitNetLoss': (1.0, False, 1),
    'LDLoss': (0.25, 0.25, 10.0, 10.0, 2.0, 0.25),
    'LogitKLLoss': (4.0, 1.0, False),
    'MGDLoss': (0.65, 2e-5),
    'MultiLabelKLLoss': (1.0, 1.0),
    'PKDLoss': (10.0,),
    'QueryKDLoss': (1.0, 5.0, 2.0),
    'ReviewKDLoss': (False, 1.0),
    'RoIHeadKDLoss': (1.0, 1.0, 1.0),
    'ScoreWeightedL2Loss': (1.0,),
}


@pytest.mark.parametrize('name', losses.__all__)
def test_defaults(name: str):
    parameters = signature(getattr(losses, name)).parameters.values()
    found = [p.default for p in parameters if p.default is not p.empty]
    assert tuple(found) == DEFAULTS[name]
