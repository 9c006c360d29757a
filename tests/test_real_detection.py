"""COCO images and a COCO-pretrained teacher, through the tools."""

import re
from pathlib import Path

import mmdet
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from toys import run_tool, scalars

from tskd_mm.models.loading.checkpoint import load_weights

ROOT = Path(__file__).resolve().parents[1]
TRAIN, TEST = (str(ROOT / 'tools' / f'{name}.py') for name in ('train', 'test'))
STOCK = Path(mmdet.__file__).parent / '.mim' / 'tools'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
PATH = {  # of the data set inside the loaders of each config
    'yolox': ('dataset.dataset', 'dataset', 'dataset'),
    'retinanet': ('dataset', 'dataset', 'dataset'),
}


def options(data: Path, family: str, images: int | None = None) -> list[str]:
    """``--cfg-options`` for the small COCO set, in the test's own process."""
    root = data / 'coco_tiny'
    result = ['--cfg-options', 'default_hooks.logger.interval=1', 'randomness.seed=0']
    for loader, path in zip(LOADERS, PATH[family]):
        result += [
            f'{loader}.num_workers=0',
            f'{loader}.persistent_workers=False',
            f'{loader}.{path}.data_root={root}/',
        ]
    if images:
        result += [
            f'train_dataloader.{PATH[family][0]}.indices={images}',
            'train_cfg.max_epochs=4',
            'val_dataloader.dataset.indices=2',  # the last epoch always validates
            'val_dataloader.dataset.pipeline.1.scale=(160,160)',
        ]
    annotations = f'{root}/annotations/instances_val2017.json'
    for evaluator in ('val_evaluator', 'test_evaluator'):
        result.append(f'{evaluator}.ann_file={annotations}')
    return result


def check_reviews(work_dir: Path, epochs: int = 4) -> None:
    """Epoch 4 reviews, no other does, and its second half has the lower loss."""
    rows = [row for row in scalars(work_dir) if 'loss' in row]
    assert {row['epoch'] for row in rows} == set(range(1, epochs + 1))
    assert all(('loss_review' in row) == (row['epoch'] == 4) for row in rows)
    # A row is the mean since the review began, so of at most the last ten steps.
    review = [row['loss_review'] for row in rows if 'loss_review' in row]
    count, half = len(review), len(review) // 2
    assert 2 <= count <= 10
    first = review[half - 1]
    assert (count * review[-1] - half * first) / (count - half) < first


@pytest.fixture(scope='module')
def nano(shared_data) -> str:
    return str(shared_data / 'yolox_nano_coco' / 'yolox_nano_coco_mmdet3.pth')


def test_the_published_teacher_has_its_accuracy(shared_data, nano, tmp_path):
    (tmp_path / 'nano.py').write_text(
        "_base_ = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'\n"
    )
    log = run_tool(tmp_path, TEST, 'nano.py', nano, *options(shared_data, 'yolox'))
    [found] = re.findall(r'coco/bbox_mAP: ([\d.]+)', log)
    assert float(found) == pytest.approx(0.301, abs=0.003)


@pytest.mark.slow
def test_a_yolox_learns_in_its_review(shared_data, nano, tmp_path):
    recipe = str(ROOT / 'configs' / 'tskd' / 'yolox_nano_to_pico_coco.py')
    teacher = f'model.teacher_checkpoint={nano}'
    run_tool(
        tmp_path,
        TRAIN,
        recipe,
        *options(shared_data, 'yolox', images=40),
        teacher,
        'custom_hooks.3.interval=1',
        'train_dataloader.batch_size=4',
        'param_scheduler.0.end=1',  # of 40 steps not all can warm up
    )
    check_reviews(tmp_path / 'work_dirs' / 'yolox_nano_to_pico_coco')


def test_a_retinanet_learns_in_its_review(shared_data, tmp_path):
    (tmp_path / 'r101.py').write_text(
        "_base_ = 'mmdet::retinanet/retinanet_r101_fpn_1x_coco.py'\n"
    )
    small = [
        *options(shared_data, 'retinanet', images=16),
        'train_dataloader.batch_size=2',
        'param_scheduler.0.end=8',  # not half a thousand steps to warm up
        'train_dataloader.dataset.pipeline.2.scale=(160,160)',
    ]
    stock = str(STOCK / 'train.py')
    brief = ['train_cfg.max_epochs=1', 'model.backbone.init_cfg=None']
    run_tool(tmp_path, stock, 'r101.py', *small, *brief)
    recipe = str(ROOT / 'configs' / 'tskd' / 'retinanet_r101_to_r50_coco.py')
    teacher = 'model.teacher_checkpoint=work_dirs/r101/epoch_1.pth'
    plain = 'model.student.backbone.init_cfg=None'
    run_tool(tmp_path, TRAIN, recipe, *small, teacher, plain)
    check_reviews(tmp_path / 'work_dirs' / 'retinanet_r101_to_r50_coco')


def test_the_teacher_of_persons_has_its_accuracy_through_the_student_s_input(
    shared_data, nano
):
    """The teacher of the study of persons, fed as in training."""
    root = Path(shared_data) / 'coco_tiny'
    config = Config.fromfile(ROOT / 'configs' / 'study' / 'person' / 'tskd.py')
    init_default_scope('mmdet')
    config.model.student.backbone.init_cfg = None
    config.model.teacher_checkpoint = nano
    config.val_dataloader.dataset.data_root = str(root)
    annotations = str(root / 'annotations' / 'instances_val2017.json')
    config.val_evaluator.ann_file = annotations
    model = MODELS.build(config.model)
    model.init_weights()
    model.eval()
    loader = Runner.build_dataloader(config.val_dataloader)
    evaluator = Evaluator(config.val_evaluator)
    evaluator.dataset_meta = loader.dataset.metainfo
    for batch in loader:
        data = model.data_preprocessor(batch, False)
        seen = model.teacher.adapt(data['inputs'], data['data_samples'])
        with torch.no_grad():
            samples = model.teacher.model(*seen[:2], mode='predict')
        for sample in samples:  # of COCO's 80 classes the first
            found = sample.pred_instances
            sample.pred_instances = found[found.labels == 0]
        evaluator.process(samples, batch)
    metrics = evaluator.evaluate(len(loader.dataset))
    assert metrics['coco/bbox_mAP'] == pytest.approx(0.358, abs=0.003)
    assert metrics['coco/bbox_mAP_50'] == pytest.approx(0.683, abs=0.003)


def test_the_student_of_persons_starts_from_imagenet(shared_data):
    """MMEngine only logs it when no name in the file is one of the backbone's."""
    file = str(shared_data / 'imagenet_mobilenetv2' / 'mobilenet_v2_mmpretrain.pth')
    init_default_scope('mmdet')
    config = Config.fromfile(ROOT / 'configs' / 'study' / 'person' / 'none.py')
    config.model.backbone.init_cfg.checkpoint = file
    model = MODELS.build(config.model)
    model.init_weights()
    weights = load_weights(file)
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, weights[f'backbone.{name}']), name
