"""CIFAR-10 images and published teachers, through the tools."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.structures import DataSample
from toys import run_tool, scalars

ROOT = Path(__file__).resolve().parents[1]
TRAIN, TEST = (str(ROOT / 'tools' / f'{name}.py') for name in ('train', 'test'))
CONVERT = str(ROOT / 'tools' / 'model_converters' / 'cifar_to_mmpretrain.py')
CIFAR = ROOT / 'configs' / 'cifar'
BASELINES = sorted((ROOT / 'configs' / 'baselines').glob('*_cifar100.py'))

OVERRIDES = """
_base_ = {recipe!r}

data_preprocessor = dict(to_rgb=True)  # image files are read as BGR
_load = dict(type='LoadImageFromFile')
{loaders}
train_cfg = dict(max_epochs=4, val_interval=4)
{more}
"""
LOADER = """
{split}_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root={folder!r},
        pipeline=[_load, *_base_.{split}_dataloader.dataset.pipeline],
    ),
)
"""


@pytest.fixture(scope='module')
def images(shared_data, tmp_path_factory) -> Path:
    """Lossless CIFAR-10, 4000 images to train and 1000 to test, one folder a class."""
    folder = tmp_path_factory.mktemp('cifar10')
    file = shared_data / 'cifar10_lossless_5k' / 'cifar10_4k_train_1k_test.npz'
    with np.load(file) as arrays:
        for split in ('train', 'test'):
            pairs = zip(arrays[f'x_{split}'], arrays[f'y_{split}'])
            for index, (image, label) in enumerate(pairs):
                target = folder / split / str(int(label))
                target.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(target / f'{index:05}.png'), image[..., ::-1])
    return folder


@pytest.fixture(scope='module')
def teacher(shared_data, tmp_path_factory) -> tuple[Path, str]:
    """The converted ResNet-56 and what the converter said."""
    target = tmp_path_factory.mktemp('teacher') / 'resnet56.pth'
    [source] = (shared_data / 'cifar10_teachers').glob('resnet56-*.th')
    config = str(CIFAR / 'resnet56_cifar10.py')
    said = run_tool(target.parent, CONVERT, config, str(source), str(target))
    return target, said


def write_config(target: Path, recipe: Path, images: Path, more: str = '') -> str:
    loaders = ''.join(
        LOADER.format(
            split=split,
            folder=str(images / ('train' if split == 'train' else 'test')),
        )
        for split in ('train', 'val', 'test')
    )
    text = OVERRIDES.format(recipe=str(recipe), loaders=loaders, more=more)
    target.write_text(text)
    return str(target)


def test_converter_says_what_it_recognised(teacher):
    path, said = teacher
    assert "277 tensors, classifier 'linear' from 64 channels to 10 classes" in said
    weights = torch.load(path, weights_only=True)['state_dict']
    assert weights['head.fc.weight'].shape == (10, 64)


def test_converted_teacher_is_as_good_as_published(images, teacher, tmp_path):
    config = write_config(tmp_path / 'r56.py', CIFAR / 'resnet56_cifar10.py', images)
    log = run_tool(tmp_path, TEST, config, str(teacher[0]))
    [accuracy] = re.findall(r'accuracy/top1: ([\d.]+)', log)
    assert float(accuracy) == pytest.approx(92.6, abs=0.15)  # an image is 0.1


def test_resnet20_learns_through_a_whole_cycle(images, teacher, tmp_path):
    recipe = ROOT / 'configs' / 'tskd' / 'resnet56_to_resnet20_cifar10.py'
    more = (
        f'model = dict(teacher_checkpoint={str(teacher[0])!r})\n'
        "custom_hooks = [dict(type='TSKDMemoryHook', interval=1)]\n"
        # Four epochs are too few for the recipe's learning rate.
        'optim_wrapper = dict(optimizer=dict(lr=0.01))\n'
        'train_dataloader.update(batch_size=16)\n'
        'randomness = dict(seed=0)\n'
        "train_dataloader['dataset'].update(indices=1024)\n"
        'default_hooks = dict(logger=dict(interval=1))\n'
    )
    config = write_config(tmp_path / 'r20.py', recipe, images, more)
    run_tool(tmp_path, TRAIN, config)
    rows = scalars(tmp_path / 'work_dirs' / 'r20')
    steps = [row for row in rows if 'loss_kl' in row]
    assert all(('loss_review' in row) == (row['epoch'] == 4) for row in steps)
    review = [row['loss_review'] for row in steps if 'loss_review' in row]
    assert review[-1] < review[0]
    [accuracy] = [row['accuracy/top1'] for row in rows if 'accuracy/top1' in row]
    assert accuracy > 15  # chance on 1000 images is 10, give or take 1


@pytest.mark.parametrize('recipe', BASELINES, ids=lambda path: path.stem)
def test_a_recipe_survives_its_first_steps(images, teacher, recipe: Path):
    """With its own learning rate and weights, and a teacher that knows its task."""
    config = Config.fromfile(recipe)
    init_default_scope('mmpretrain')
    config.model.student.head.num_classes = 10
    config.model.update(
        teacher=str(CIFAR / 'resnet56_cifar10.py'),
        teacher_checkpoint=str(teacher[0]),
        data_preprocessor=config.data_preprocessor,
    )
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    model.phase = 'general'  # without hooks: no warm-up, all losses in full
    files = sorted((images / 'train').glob('*/*.png'))[::63]
    pixels = [cv2.imread(str(file))[..., ::-1].copy() for file in files]
    data = {
        'inputs': torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float(),
        'data_samples': [DataSample().set_gt_label(int(f.parent.name)) for f in files],
    }
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    rows = [model.train().train_step(data, optimizer) for _ in range(6)]
    first, last = rows[0]['loss'], rows[-1]['loss']
    assert last < 1.5 * first, [float(row['loss']) for row in rows]


def test_imagenet_recipe_with_a_real_teacher(shared_data):
    config = Config.fromfile(
        ROOT / 'configs' / 'tskd' / 'resnet34_to_resnet18_imagenet.py'
    )
    init_default_scope('mmpretrain')
    weights = shared_data / 'imagenet_mobilenetv2' / 'mobilenet_v2_mmpretrain.pth'
    config.model.update(
        teacher='mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py',
        teacher_checkpoint=str(weights),
        teacher_taps=['backbone.layer2', 'backbone.layer3', 'backbone.layer5'],
        data_preprocessor=config.data_preprocessor,
    )
    model = MODELS.build(config.model)
    model.init_weights()
    data = {
        'inputs': torch.randint(0, 255, (2, 3, 224, 224)).float(),
        'data_samples': [DataSample().set_gt_label(i) for i in (1, 2)],
    }
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), 1e-3))
    model.train().memorize(0)
    model.phase = 'review'
    losses = model.train_step(data, optimizer)
    added = {'loss_kl', 'loss_review', 'ratio_kl', 'ratio_review'}
    assert set(losses) == {'loss', 'loss_task'} | added
    assert all(torch.isfinite(value) for value in losses.values())
