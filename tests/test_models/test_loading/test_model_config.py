"""A model given as a dict, a path or a name."""

from pathlib import Path

import pytest
from mmengine.config import Config, ConfigDict
from refusals import refused

from tskd_mm.models.loading.model_config import find_model

R101 = 'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py'
NANO = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
DINO = 'mmdet::dino/dino-4scale_r50_8xb2-24e_coco.py'
SIGNS = 'mmdet::gn+ws/mask-rcnn_r50_fpn_gn-ws-all_2x_coco.py'
MODEL = {'type': 'Any', 'backbone': {'depth': 50}}
NOT_FOUND = (
    'the {role} config {source} was not found: give the path of a config file or the '
    "name of one in an installed package, such as 'mmdet::retinanet/"
    "retinanet_r50_fpn_1x_coco.py'"
)
NO_URL = ': give teacher_checkpoint the path or URL of its weights'


def _write(folder: Path, **content: object) -> Path:
    path = folder / 'config.py'
    path.write_text('\n'.join(f'{name} = {value!r}' for name, value in content.items()))
    return path


@pytest.mark.parametrize('kind', [dict, ConfigDict])
def test_a_dict_is_copied(kind):
    given = kind(MODEL)
    source = find_model(given, 'student')
    assert source.config == MODEL and type(source.config) is kind
    assert source.name == 'a Any config dict'
    source.config['backbone']['depth'] = 18
    assert given['backbone']['depth'] == 50


def test_a_dict_takes_the_data_preprocessor_that_is_given():
    other = {'type': 'Mine'}
    found = find_model(MODEL, 'student', other).config
    assert found == {**MODEL, 'data_preprocessor': other}
    assert 'data_preprocessor' not in MODEL
    own = {**MODEL, 'data_preprocessor': {'type': 'Own'}}
    assert find_model(own, 'student', other).config == own


@pytest.mark.parametrize('kind', [str, Path])
def test_a_path_is_read(tmp_path: Path, kind: type):
    path = _write(tmp_path, model=MODEL, default_scope='mmdet')
    source = find_model(kind(path), 'teacher')
    assert source.config == {**MODEL, '_scope_': 'mmdet'}
    assert source.name == str(path)


def test_a_config_s_own_preprocessor_wins(tmp_path: Path):
    top = {'mean': [1, 2, 3]}
    path = _write(tmp_path, model=MODEL, data_preprocessor=top)
    source = find_model(path, 'teacher', {'type': 'Of the student'})
    assert source.config == {**MODEL, 'data_preprocessor': top}
    inner = {**MODEL, 'data_preprocessor': {'type': 'Inner'}}
    path = _write(tmp_path, model=inner, data_preprocessor=top)
    assert find_model(path, 'teacher').config == inner


def test_a_config_with_a_base_is_merged(tmp_path: Path):
    _write(tmp_path, model=MODEL)
    leaf = tmp_path / 'leaf.py'
    leaf.write_text("_base_ = 'config.py'\nmodel = dict(backbone=dict(depth=18))")
    found = find_model(leaf, 'student').config
    assert found == {'type': 'Any', 'backbone': {'depth': 18}}


def test_a_name_in_mmdet_is_found():
    source = find_model(R101, 'teacher')
    assert source.name == R101
    assert source.config.type == 'RetinaNet'
    assert source.config.backbone.depth == 101
    assert source.config.data_preprocessor.type == 'DetDataPreprocessor'
    assert source.config['_scope_'] == 'mmdet'


def test_a_name_in_mmpretrain_brings_its_top_level_preprocessor():
    config = find_model('mmpretrain::resnet/resnet50_8xb32_in1k.py', 'teacher').config
    assert config.type == 'ImageClassifier'
    assert config.data_preprocessor == {
        'num_classes': 1000,
        'mean': [123.675, 116.28, 103.53],
        'std': [58.395, 57.12, 57.375],
        'to_rgb': True,
    }
    assert config['_scope_'] == 'mmpretrain'


def test_a_name_that_mmengine_cannot_look_up_is_found():
    assert find_model(SIGNS, 'student').config.backbone.conv_cfg.type == 'ConvWS'


@pytest.mark.parametrize('source', [None, 5, ['a.py'], Config({'model': MODEL})])
@pytest.mark.parametrize('role', ['student', 'teacher'])
def test_a_source_of_another_type_is_refused(source: object, role: str):
    text = (
        f"{role} must be a config dict, the path of a config file or 'mmdet::...', but "
        f'got {source!r}'
    )
    with refused(text, TypeError):
        find_model(source, role)


@pytest.mark.parametrize(
    'source', ['nowhere/model.py', 'mmdet::retinanet/none.py', 'retinanet', 'a.txt']
)
@pytest.mark.parametrize('role', ['student', 'teacher'])
def test_a_config_that_is_not_there_is_refused(source: str, role: str):
    text = NOT_FOUND.format(role=role, source=source)
    with refused(text, FileNotFoundError):
        find_model(source, role)


def test_a_config_without_a_model_is_refused(tmp_path: Path):
    path = _write(tmp_path, lr=0.1)
    text = f'the teacher config {path} has no entry "model"'
    with refused(text):
        find_model(path, 'teacher')


def test_the_index_knows_the_weights():
    assert find_model(R101, 'teacher').weights_in_index() == (
        'https://download.openmmlab.com/mmdetection/v2.0/retinanet/'
        'retinanet_r101_fpn_1x_coco/retinanet_r101_fpn_1x_coco_20200130-7a93545f.pth'
    )


@pytest.mark.parametrize(
    'name', [NANO, DINO, SIGNS], ids=['no entry', 'no weights', 'no word']
)
def test_a_name_without_weights_in_the_index_is_refused(name):
    text = f'the model index lists no weights for {name}{NO_URL}'
    with refused(text):
        find_model(name, 'teacher').weights_in_index()


def test_only_a_name_is_in_the_index(tmp_path: Path):
    path = _write(tmp_path, model=MODEL)
    for source, name in (MODEL, 'a Any config dict'), (path, str(path)):
        text = (
            "teacher_checkpoint='auto' looks the weights up in the host's model index "
            "and needs a teacher like 'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py',"
            f' but got {name}{NO_URL}'
        )
        with refused(text):
            find_model(source, 'teacher').weights_in_index()


def cannot_be_loaded(source: str, reason: str) -> str:
    return (
        f'the teacher config {source} is there, but it cannot be loaded ({reason}): '
        'correct it, or what it imports or names in _base_'
    )


@pytest.mark.parametrize(
    'content, reason',
    [
        (
            "custom_imports = dict(imports=['my_project.net'])",
            "ModuleNotFoundError: No module named 'my_project'",
        ),
        ('model = dict(type=', "SyntaxError: '(' was never closed"),
        ('model = dict(depth=1 / 0)', 'ZeroDivisionError: division by zero'),
        ('model = dict(depth=missing)', "NameError: name 'missing' is not defined"),
    ],
    ids=['import', 'syntax', 'arithmetic', 'name'],
)
def test_a_config_that_is_there_but_broken(tmp_path: Path, content: str, reason: str):
    path = tmp_path / 'config.py'
    path.write_text(content)
    with refused(cannot_be_loaded(str(path), f'{reason}…')) as caught:
        find_model(path, 'teacher')
    assert '\n' not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_base_that_is_not_there(tmp_path: Path):
    path = tmp_path / 'config.py'
    path.write_text("_base_ = 'moved_away.py'")
    with pytest.raises(ValueError, match='cannot be loaded .*moved_away.py'):
        find_model(path, 'teacher')


def test_a_dict_that_is_no_model():
    text = (
        'student must be the config of a model, with its type, but got a dict of '
        "['model', 'lr']: write student=_base_.model, or give the path of the config "
        'file'
    )
    with refused(text):
        find_model({'model': MODEL, 'lr': 0.1}, 'student')
