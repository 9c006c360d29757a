import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from doc_blocks import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope
from saved_distiller import distiller_config, save_distiller

from tools.analysis_tools.plot_attention import load_image, main
from tskd_mm.apis.load_distiller import load_distiller
from tskd_mm.visualization import review_image


@pytest.fixture
def image(tmp_path) -> Path:
    """48 x 72: fills the scale, and is padded to the next multiple of 32."""
    pixels = np.random.default_rng(0).integers(0, 255, (48, 72, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), pixels)
    return tmp_path / 'image.png'


def test_maps_by_definition(image, tmp_path, mmdet_scope):
    config = distiller_config()
    model = load_distiller(config, save_distiller(config, tmp_path / 'a.pth'))
    found = review_image(model, load_image(config, image), level=0)
    # 64 x 96 pixels at stride 8.
    maps = [*found.attention.values(), *found.changes.values()]
    assert {tuple(m.shape) for m in maps} == {(8, 12)}
    teacher, oldest, _, youngest, student = found.attention.values()
    gap = found.changes['gap to teacher']
    torch.testing.assert_close(gap, (student - teacher).abs())
    # The youngest memory is the student now; with rms maps the mean square is 1.
    torch.testing.assert_close(youngest, student)
    assert not torch.allclose(oldest, student, rtol=1e-3)
    for attention in found.attention.values():
        assert attention.square().mean() == pytest.approx(1, abs=1e-4)


def test_missing_image(tmp_path):
    path = tmp_path / 'no.png'
    message = f'^there is no image {re.escape(str(path))}$'
    with pytest.raises(FileNotFoundError, match=message):
        load_image(distiller_config(), path)


def test_writes_a_row(image, tmp_path, monkeypatch, mmdet_scope):
    config = distiller_config()
    save_distiller(config, tmp_path / 'a.pth')
    config.dump(tmp_path / 'c.py')
    out = tmp_path / 'new' / 'row.png'
    arguments = ['c.py', 'a.pth', 'image.png', '--out', str(out)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('sys.argv', ['x', *arguments])
    main()
    height, width = cv2.imread(str(out)).shape[:2]
    assert width > 4 * height


def test_classifier_whose_data_set_holds_the_images(tmp_path):
    """A CIFAR recipe: no step of its pipeline loads a file."""
    config = Config.fromfile(ROOT / 'configs/tskd/resnet56_to_resnet20_cifar100.py')
    config.model.teacher_checkpoint = None
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), pixels[..., ::-1])
    init_default_scope('mmpretrain')
    model = load_distiller(config, save_distiller(config, tmp_path / 'a.pth'))
    batch = load_image(config, tmp_path / 'image.png')
    found = review_image(model, batch, level=0)
    assert (found.image == pixels).all()
    assert found.changes['gap to teacher'].shape == (32, 32)
