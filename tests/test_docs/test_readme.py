"""Lines of the README and the docs on users' own configs, word for word."""

import shutil
from pathlib import Path

import cv2
import mmdet
import mmengine
import pytest
import torch
from doc_blocks import ROOT, block
from mmengine.registry import MODELS
from toys import TRUSTING, load_whole, run_tool, same_tensors, scalars
from user_files import user_classifier, user_detector

from tskd_mm.models.loading.model_config import find_model

pytestmark = pytest.mark.docs
TRAIN, TEST = (str(ROOT / 'tools' / f'{name}.py') for name in ('train', 'test'))
CLASSIFIERS = 'my_classifier.py', 'my_teacher.py'
SMALL = (
    'train_cfg.max_epochs=4 train_cfg.val_interval=4 train_dataloader.batch_size=4 '
    'train_dataloader.num_workers=0 train_dataloader.persistent_workers=False '
    'val_dataloader.num_workers=0 val_dataloader.persistent_workers=False '
    'default_hooks.logger.interval=1'
)
STOCK = Path(mmdet.__file__).parent / '.mim' / 'tools'


@pytest.fixture
def folder(tmp_path, monkeypatch, no_scope) -> Path:
    """The user's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own_teacher(folder: Path, config: str) -> tuple[str, ...]:
    """Options for a teacher of the user's own kind: offline there are no official."""
    model = MODELS.build(find_model(str(folder / config), 'teacher').config)
    torch.save({'state_dict': model.state_dict()}, folder / 'teacher.pth')
    paths = f'model.teacher={config}', 'model.teacher_checkpoint=teacher.pth'
    return *paths, 'randomness.seed=0'


def predictions(folder: Path, tool: str, config: str, checkpoint: str) -> list[dict]:
    run_tool(folder, tool, config, checkpoint, '--out', 'out.pkl')
    return mmengine.load(folder / 'out.pkl')


def run_block(heading: str, epoch: str) -> dict:
    """Run lines of docs/after_training.md; the names that they leave."""
    lines = block('after_training.md', heading, 'python').replace(epoch, 'epoch_4')
    names: dict = {}
    exec(lines, names)
    return names


def test_a_user_s_detector_trains_tests_and_publishes(folder):
    user_detector(folder)
    lines = block('README.md', 'Add it to your config', 'python')
    assert len([x for x in lines.splitlines() if x]) <= 13
    assert lines == block('get_started.md', '3. Your own config', 'python')
    (folder / 'my_tskd_config.py').write_text(lines)
    options = own_teacher(folder, 'my_detector.py')
    run_tool(folder, TRAIN, 'my_tskd_config.py', '--cfg-options', *options)

    work = folder / 'work_dirs' / 'my_tskd_config'
    assert any('loss_pkd' in row for row in scalars(work))
    # One file, both configs, the same boxes; the teacher's file may be gone by then.
    (folder / 'teacher.pth').unlink()
    checkpoint = str(work / 'epoch_4.pth')
    stock = str(STOCK / 'test.py')
    ours = predictions(folder, TEST, 'my_tskd_config.py', checkpoint)
    plain = predictions(folder, stock, 'my_detector.py', checkpoint)
    assert len(ours) == 4
    ours, plain = ([row['pred_instances'] for row in rows] for rows in (ours, plain))
    for one, other in zip(ours, plain):
        assert len(one['scores']) > 0
        assert same_tensors(one, other)

    check_inferencer(folder, checkpoint, plain[0])
    check_published(folder, checkpoint)


def check_inferencer(folder: Path, checkpoint: str, tested: dict) -> None:
    """mmdet's inferencer finds in one image what the test tool found there."""
    shutil.copy(folder / 'images' / '0.png', folder / 'image.jpg')
    names = run_block('A detector in Python', 'epoch_12')
    weights = load_whole(checkpoint)['state_dict']
    assert same_tensors(names['inferencer'].model.state_dict(), weights)
    assert names['scores'] == pytest.approx(tested['scores'].tolist(), abs=1e-5)
    for box, expected in zip(names['boxes'], tested['bboxes'].tolist(), strict=True):
        assert box == pytest.approx(expected, abs=1e-2)
    assert cv2.imread(str(folder / 'out' / 'vis' / 'image.jpg')).shape == (96, 128, 3)


def check_published(folder: Path, checkpoint: str) -> None:
    """The host's own tool leaves a plain student."""
    line = block('after_training.md', 'Publish', 'bash')
    assert line.startswith('mim run mmdet publish_model ')  # runs this tool:
    tool = str(STOCK / 'model_converters' / 'publish_model.py')
    run_tool(folder, tool, checkpoint, 'student.pth', **TRUSTING)
    [published] = folder.glob('student-*.pth')
    content, whole = load_whole(published), load_whole(checkpoint)
    assert set(content) == {'meta', 'state_dict'} < set(whole)
    assert same_tensors(content['state_dict'], whole['state_dict'])


@pytest.mark.slow
def test_a_user_s_classifier_trains_and_predicts(folder):
    """ConvNeXt teaches MobileNetV3 on images in folders, as the page says."""
    user_classifier(folder)
    taps = run_tool(folder, str(ROOT / 'tools' / 'make_config.py'), *CLASSIFIERS)
    written = (folder / 'my_tskd_classifier.py').read_text()
    assert written.partition('student_taps')[2] in taps
    assert block('classifiers.md', 'The taps', 'text') in taps
    weights = folder / 'work_dirs' / 'my_teacher' / 'epoch_100.pth'
    weights.parent.mkdir(parents=True)
    teacher = MODELS.build(find_model('my_teacher.py', 'teacher').config)
    torch.save({'state_dict': teacher.state_dict()}, weights)
    # The review of interval=5 is beyond four epochs.
    scores = block('classifiers.md', 'Scores', 'python')
    (folder / 'with_scores.py').write_text(scores)
    options = f'{SMALL} custom_hooks.0.interval=1 randomness.seed=0'.split()
    run_tool(folder, TRAIN, 'with_scores.py', '--cfg-options', *options)

    work = folder / 'work_dirs' / 'with_scores'
    rows = [row for row in scalars(work) if {'loss_kl', 'loss_pkd'} <= {*row}]
    assert {row['epoch'] for row in rows if 'loss_review' in row} == {4}
    (folder / 'work_dirs' / 'my_tskd_classifier').symlink_to(work)
    checkpoint = str(work / 'epoch_4.pth')
    tested = predictions(folder, TEST, 'my_classifier.py', checkpoint)[0]
    shutil.copy(tested['img_path'], folder / 'image.jpg')
    names = run_block('A classifier in Python', 'epoch_100')
    weights = load_whole(checkpoint)['state_dict']
    assert same_tensors(names['inferencer'].model.state_dict(), weights)
    # What the test tool found there.
    label = int(tested['pred_label'])
    assert names['label'] == label
    assert names['score'] == pytest.approx(tested['pred_score'].max().item(), abs=1e-4)
    assert names['result']['pred_class'] == ['bolt', 'nut', 'washer'][label]
