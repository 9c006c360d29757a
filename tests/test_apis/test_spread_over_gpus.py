import pytest
import torch

from tskd_mm.apis.spread_over_gpus import spread_over_gpus


@pytest.mark.parametrize(
    'count, visible, expected',
    [
        (0, None, [None] * 3),
        (1, None, [None] * 3),
        (2, None, ['0', '1', '0']),
        (4, None, ['0', '1', '2']),
        (2, '5,7', ['5', '7', '5']),
        (2, 'GPU-a,GPU-b', ['GPU-a', 'GPU-b', 'GPU-a']),
    ],
)
def test_one_gpu_each(monkeypatch, count, visible, expected):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if visible:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    found = spread_over_gpus(3)
    assert [place.get('CUDA_VISIBLE_DEVICES') for place in found] == expected
