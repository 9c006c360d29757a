import copy
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, init_default_scope
from plot_attention import load_distiller, load_image, main, review_image
from toys import tiny_retinanet

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'Resize', 'scale': (96, 64), 'keep_ratio': True},
    {'type': 'PackDetInputs', 'meta_keys': ('img_shape',)},
]


@pytest.fixture(scope='module')
def config() -> Config:
    model = {
        'type': 'TSKDDistiller',
        'student': tiny_retinanet(4),
        'teacher': tiny_retinanet(8),
        'teacher_checkpoint': None,
    }
    loader = {'dataset': {'pipeline': PIPELINE}}
    return Config({'default_scope': 'mmdet', 'model': model, 'test_dataloader': loader})


@pytest.fixture
def image(tmp_path) -> Path:
    """48 x 72: fills the scale, and is padded to the next multiple of 32."""
    pixels = np.random.default_rng(0).integers(0, 255, (48, 72, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'image.png'), pixels)
    return tmp_path / 'image.png'


def save(config: Config, path: Path, memories: int = 3) -> Path:
    """A checkpoint whose memories all differ from each other and from now."""
    model = MODELS.build(config.model)
    for slot in range(memories):
        for parameter in model.student.parameters():
            parameter.data.mul_(1.05)
        model.memorize(slot)
    content = {'state_dict': model.state_dict(), 'tskd': model.tskd_state()}
    torch.save(content, path)
    return path


def test_maps_by_definition(config, image, tmp_path, mmdet_scope):
    model = load_distiller(config, save(config, tmp_path / 'a.pth'))
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


def test_preprocessor_at_the_top_level(config, tmp_path, mmdet_scope):
    """As in the configs of mmpretrain."""
    config = copy.deepcopy(config)
    checkpoint = save(config, tmp_path / 'a.pth')
    config.data_preprocessor = config.model.student.pop('data_preprocessor')
    model = load_distiller(config, checkpoint)
    mean = config.data_preprocessor.mean
    assert model.data_preprocessor.mean.flatten().tolist() == pytest.approx(mean)


def test_level_out_of_range(config, image, tmp_path, mmdet_scope):
    model = load_distiller(config, save(config, tmp_path / 'a.pth'))
    with pytest.raises(ValueError, match='^level must be between 0 and 4, but got 5$'):
        review_image(model, load_image(config, image), level=5)


def test_missing_image(config, tmp_path):
    path = tmp_path / 'no.png'
    with pytest.raises(FileNotFoundError, match=f'^there is no image {path}$'):
        load_image(config, path)


def test_checkpoint_without_memories(config, tmp_path, mmdet_scope):
    path = save(config, tmp_path / 'a.pth', memories=0)
    message = (
        f"{path} holds no memories (entry 'tskd'): give a checkpoint that a training "
        'with TSKDMemoryHook saved'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
        load_distiller(config, path)


def test_config_without_distiller(tmp_path, mmdet_scope):
    config = ConfigDict(default_scope='mmdet', model=tiny_retinanet(4))
    message = (
        'the model of the config must be a TSKDDistiller, but it is RetinaNet: give '
        'the config that the student was distilled with'
    )
    with pytest.raises(TypeError, match=f'^{message}$'):
        load_distiller(config, tmp_path / 'a.pth')


def test_writes_a_row(config, image, tmp_path, monkeypatch, mmdet_scope):
    save(config, tmp_path / 'a.pth')
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
    model = load_distiller(config, save(config, tmp_path / 'a.pth'))
    batch = load_image(config, tmp_path / 'image.png')
    found = review_image(model, batch, level=0)
    assert (found.image == pixels).all()
    assert found.changes['gap to teacher'].shape == (32, 32)
    mean = config.data_preprocessor.mean
    assert model.data_preprocessor.mean.flatten().tolist() == pytest.approx(mean)
