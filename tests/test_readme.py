"""The README's lines work on a user's own config, word for word."""

import re
from pathlib import Path

import mmdet
import mmengine
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from toys import coco_set, run_tool, same_tensors, scalars, tiny_retinanet

ROOT = Path(__file__).resolve().parents[1]


def readme_block(language: str, after: str) -> str:
    text = (ROOT / 'README.md').read_text().split(after, 1)[1]
    return re.search(rf'```{language}\n(.*?)```', text, re.S).group(1)


def user_config(folder: Path) -> None:
    """A detector that trains with stock mmdet: tiny, four images, four epochs."""
    images = folder / 'images'
    images.mkdir()
    data = coco_set(images)
    dataset = dict(metainfo=dict(classes=('class0', 'class1', 'class2')), **data)
    dataset.update(data_prefix=dict(img=''))
    loader = dict(num_workers=0, persistent_workers=False, dataset=dataset)
    evaluator = dict(ann_file=data['data_root'] + data['ann_file'])
    model = tiny_retinanet().to_dict()
    model['test_cfg']['score_thr'] = 0.0  # so that it finds something untrained
    settings = dict(
        model=dict(_delete_=True, **model),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        train_cfg=dict(max_epochs=4, val_interval=4),
    )
    base = "_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'\n"
    lines = [f'{name} = {value!r}\n' for name, value in settings.items()]
    # The R50 of the base has no place offline.
    resize = 'scale=(128, 96), keep_ratio=True)\n'
    for pipeline, index in (('train', 2), ('val', 1), ('test', 1)):
        name = f'{pipeline}_dataloader.dataset.pipeline'
        lines.append(f"_base_.{name}[{index}] = dict(type='Resize', {resize}")
        lines.append(f"{pipeline}_dataloader['dataset']['pipeline'] = _base_.{name}\n")
    (folder / 'my_detector.py').write_text(base + ''.join(lines))


def predictions(folder: Path, tool: str, config: str, checkpoint: str) -> list[dict]:
    run_tool(folder, tool, config, checkpoint, '--out', 'out.pkl')
    return [row['pred_instances'] for row in mmengine.load(folder / 'out.pkl')]


def test_readme_lines_on_a_users_config(tmp_path):
    user_config(tmp_path)
    lines = readme_block('python', '## Add it to your config')
    assert len([x for x in lines.splitlines() if x]) <= 12
    (tmp_path / 'my_tskd_config.py').write_text(lines)

    # Offline there are no official weights: a teacher of the user's own kind.
    teacher = MODELS.build(
        dict(_scope_='mmdet', **Config.fromfile(tmp_path / 'my_detector.py').model)
    )
    torch.save({'state_dict': teacher.state_dict()}, tmp_path / 'teacher.pth')
    options = ('model.teacher=my_detector.py', 'model.teacher_checkpoint=teacher.pth')
    train, test = (str(ROOT / 'tools' / f'{name}.py') for name in ('train', 'test'))
    run_tool(tmp_path, train, 'my_tskd_config.py', '--cfg-options', *options)

    work = tmp_path / 'work_dirs' / 'my_tskd_config'
    assert any('loss_attention' in row for row in scalars(work))
    # One file, both configs, the same boxes; the teacher's file may be gone by then.
    (tmp_path / 'teacher.pth').unlink()
    checkpoint = str(work / 'epoch_4.pth')
    stock = str(Path(mmdet.__file__).parent / '.mim' / 'tools' / 'test.py')
    ours = predictions(tmp_path, test, 'my_tskd_config.py', checkpoint)
    plain = predictions(tmp_path, stock, 'my_detector.py', checkpoint)
    assert len(ours) == 4
    for one, other in zip(ours, plain):
        assert len(one['scores']) > 0
        assert same_tensors(one, other)
