"""The hosts' ways to open a model take a distillation config, or the plain one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from user_files import user_classifier, user_detector

from tskd_mm.models.loading.model_config import find_model

DISTILLED = """\
_base_ = '{base}.py'

custom_imports = dict(imports=['tskd_mm'], allow_failed_imports=False)
model = dict(
    _delete_=True,
    type='TSKDDistiller',
    student=_base_.model,
    teacher='there is no such teacher.py',
    teacher_checkpoint='nor such weights.pth',
    student_taps=['{tap}'],
)
"""
pytestmark = pytest.mark.usefixtures('no_scope')


def write(folder: Path, base: str, tap: str) -> None:
    """``my_tskd.py`` around a user's config, and ``student.pth``."""
    (folder / 'my_tskd.py').write_text(DISTILLED.format(base=base, tap=tap))
    source = find_model(str(folder / f'{base}.py'), 'student')
    weights = MODELS.build(source.config).state_dict()
    torch.save({'state_dict': weights, 'meta': {}}, folder / 'student.pth')


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The user's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def detector(folder) -> Path:
    user_detector(folder)
    write(folder, 'my_detector', 'neck')
    return folder


@pytest.fixture
def classifier(folder) -> Path:
    user_classifier(folder)
    write(folder, 'my_classifier', 'backbone')
    return folder


def test_a_detection_inferencer_finds_the_same_with_both_configs(detector):
    from mmdet.apis import DetInferencer

    found = []
    for config in ('my_detector.py', 'my_tskd.py'):
        inferencer = DetInferencer(config, 'student.pth', device='cpu')
        result = inferencer('images/0.png', no_save_vis=True)
        found.append(result['predictions'][0])
    assert type(inferencer.model).__name__ == 'TSKDDistiller'
    assert found[0]['scores']
    assert found[0] == found[1]


def test_get_model_says_the_same_with_both_configs(classifier):
    from mmpretrain import get_model

    image = torch.rand(2, 3, 32, 32)
    models = [
        get_model(config, pretrained='student.pth').eval()
        for config in ('my_classifier.py', 'my_tskd.py')
    ]
    assert type(models[1]).__name__ == 'TSKDDistiller'
    plain, distilled = (model(image) for model in models)
    assert torch.equal(plain, distilled)


def test_a_classification_inferencer_says_the_same_with_both_configs(classifier):
    from mmpretrain import ImageClassificationInferencer

    scores = [
        ImageClassificationInferencer(config, pretrained='student.pth', device='cpu')(
            'data/mine/val/bolt/0.jpg'
        )[0]['pred_scores']
        for config in ('my_classifier.py', 'my_tskd.py')
    ]
    np.testing.assert_array_equal(*scores)
