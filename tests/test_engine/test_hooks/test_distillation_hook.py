"""Checkpoints and resumed runs, in a real Runner with a real (tiny) RetinaNet."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner
from refusals import refused
from runs import check_resumed, resumed, saving, train
from toys import (
    load_whole,
    run_config,
    same_tensors,
    tiny_distiller,
    tiny_retinanet,
    with_validation,
)

from tskd_mm.engine import DistillationHook
from tskd_mm.engine.resume.checkpoint_entry import add_entry
from tskd_mm.engine.resume.random_state import seed_iterations

# Of a checkpoint's entry, where there is no review.
PARTS = {'schedule', 'losses', 'balance', 'optimizer', 'input_sizes'}


class OnGPU:
    """Stands in for a tensor there."""

    def cpu(self) -> str:
        return 'on the CPU'


def test_a_machine_without_gpu_reads_the_entry(mmdet_scope, monkeypatch):
    model = tiny_distiller()
    state = dict(review={'a': OnGPU()}, memories={1: {'b': OnGPU()}}, levels=[2])
    monkeypatch.setattr(model, 'tskd_state', lambda: state)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    checkpoint = {'optimizer': optimizer.state_dict()}
    add_entry(checkpoint, model, OptimWrapper(optimizer), None)
    entry = checkpoint['tskd']
    assert entry['review'] == {'a': 'on the CPU'}
    assert entry['memories'] == {1: {'b': 'on the CPU'}}
    assert entry['levels'] == [2]


@pytest.fixture
def static(tmp_path: Path, data: dict) -> ConfigDict:
    """A run of two epochs without a review."""
    config = saving(run_config(tmp_path, data, epochs=2))
    config.model.review = None
    config.custom_hooks = [dict(type='DistillationHook')]
    return config


@pytest.mark.parametrize('loop', ['epochs', 'iterations'])
@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_run_equals_one_never_interrupted(tmp_path, data, loop, workers):
    # M1 R M1 R: interrupted after a review, so that its optimizer state matters.
    cycle = dict(interval=1, num_slots=1)
    config = saving(run_config(tmp_path, data, epochs=4, augment=True, **cycle))
    with_validation(config).model.student.neck.type = 'FPNWithDropout'
    config.train_dataloader.num_workers = workers
    config.train_dataloader.persistent_workers = workers > 0
    config.optim_wrapper.optimizer = dict(type='AdamW', lr=1e-3)
    middle, last = 'epoch_2.pth', 'epoch_4.pth'
    if loop == 'iterations':
        saving(config, interval=2, by_epoch=False)
        config.train_cfg = dict(by_epoch=False, max_iters=8, val_interval=3)
        config.train_dataloader.sampler.type = 'InfiniteSampler'
        cycle.update(interval=2, by_epoch=False)
        config.custom_hooks = [dict(type='TSKDMemoryHook', **cycle)]
        middle, last = 'iter_4.pth', 'iter_8.pth'
    assert check_resumed(config, tmp_path, middle, last)['tskd']['optimizer']


def test_the_size_of_the_batch_is_resumed(tmp_path, static):
    """mmdet draws it in every third step here, and keeps it beyond the epoch."""
    resize = dict(type='BatchSyncRandomResize', random_size_range=(64, 256), interval=3)
    static.model.student.data_preprocessor.batch_augments = [resize]
    static.train_cfg.max_epochs = 3
    middle = check_resumed(static, tmp_path, 'epoch_2.pth', 'epoch_3.pth')
    [[height, width]] = middle['tskd']['input_sizes']
    assert {height % 32, width % 32} == {0}


def test_the_seed_that_a_run_drew_is_resumed(tmp_path, static):
    static.randomness.seed = None
    teacher = MODELS.build({**static.model.teacher, '_scope_': 'mmdet'})
    torch.save(teacher.state_dict(), tmp_path / 'teacher.pth')
    static.model.teacher_checkpoint = str(tmp_path / 'teacher.pth')
    check_resumed(static, tmp_path, 'epoch_1.pth', 'epoch_2.pth', 'state_dict')


@pytest.mark.parametrize('fast_forward, first', [(True, 40), (False, 0)])
def test_random_numbers_of_an_iteration_loop_follow_its_position(fast_forward, first):
    """The modern stack's loop may leave out what was trained on before."""
    drawn = []

    def batches():
        while True:
            yield drawn.append(torch.rand(()).item())

    loop = SimpleNamespace(
        fast_forward_on_resume=fast_forward, dataloader_iterator=batches()
    )
    runner = SimpleNamespace(train_loop=loop, iter=40, seed=1, _randomness_cfg={})
    seed_iterations(runner)
    next(loop.dataloader_iterator)
    runner.iter, loop.fast_forward_on_resume = 0, False
    loop.dataloader_iterator = batches()
    seed_iterations(runner)
    for _ in range(first + 1):
        next(loop.dataloader_iterator)
    assert drawn[0] == drawn[-1]
    assert len(set(drawn)) == first + 1


def test_epochs_and_seeds_draw_other_numbers(static, data):
    static.train_dataloader.num_workers = 1
    static.train_dataloader.persistent_workers = True
    # All epochs see the same images in the same order.
    static.train_dataloader.sampler.shuffle = False
    random = run_config(Path('unused'), data, augment=True)
    static.train_dataloader.dataset.pipeline = random.train_dataloader.dataset.pipeline
    static.custom_hooks[0].preflight = False  # it looks at images too
    seen: list[int] = []

    def look(module: torch.nn.Module, args: tuple) -> None:
        seen.append(int(sum(image.long().sum() for image in args[0]['inputs'])))

    for seed in (0, 1):
        static.randomness.seed = seed
        static.experiment_name += 'x'
        runner = Runner.from_cfg(copy.deepcopy(static))
        runner.model.data_preprocessor.register_forward_pre_hook(look)
        runner.train()
    assert len(seen) == len(set(seen)) == 8  # two batches in two epochs of two runs


def test_a_run_without_a_review_keeps_and_resumes_its_losses(tmp_path, static):
    middle = check_resumed(static, tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    assert set(middle['tskd']) == PARTS


@pytest.mark.parametrize('kind', ['epoch', 'iter', 'best', 'ema'])
def test_every_checkpoint_is_a_plain_student(tmp_path, data, kind):
    hook = dict(best=dict(save_best='coco/bbox_mAP', rule='greater'))
    hook['iter'] = dict(by_epoch=False, interval=8)
    config = with_validation(run_config(tmp_path, data, epochs=4))
    saving(config, **hook.get(kind, {}))
    if kind == 'ema':
        config.custom_hooks.append(dict(type='EMAHook'))
        config.experiment_name += 'ema'
    train(config)
    plain = copy.deepcopy(config)
    plain.model, plain.custom_hooks = plain.model.student, plain.custom_hooks[1:]
    plain.update(work_dir=f'{tmp_path}/work_stock', experiment_name=f'stock {kind}')
    train(plain)
    pattern = {'iter': 'iter_8.pth', 'best': 'best_*.pth'}.get(kind, 'epoch_4.pth')
    [ours] = (load_whole(file) for file in (tmp_path / 'work').glob(pattern))
    [theirs] = (load_whole(file) for file in (tmp_path / 'work_stock').glob(pattern))
    MODELS.build(tiny_retinanet()).load_state_dict(ours['state_dict'])
    assert list(ours['state_dict']) == list(theirs['state_dict'])
    assert ('ema_state_dict' in ours) == (kind == 'ema')
    entry = ours.pop('tskd', None)
    parts = PARTS | {'review', 'memories'}
    assert entry is None if kind == 'best' else set(entry) == parts
    size, expected = (weight(checkpoint, tmp_path) for checkpoint in (ours, theirs))
    assert abs(size - expected) <= 0.01 * expected, (size, expected)
    assert numbers(ours) == numbers(theirs)


def weight(checkpoint: dict, folder: Path) -> int:
    """Bytes on the disk, without the config's text and the log."""
    kept = {k: v for k, v in checkpoint.items() if k not in ('meta', 'message_hub')}
    torch.save(kept, folder / 'weighed.pth')
    return (folder / 'weighed.pth').stat().st_size


def numbers(checkpoint: dict) -> int:
    """How many the optimizer keeps."""
    kept = checkpoint.get('optimizer', {'state': {}})['state'].values()
    return sum(t.numel() for p in kept for t in p.values() if torch.is_tensor(t))


def test_a_checkpoint_without_the_entry_is_a_start_but_not_resumed(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4, interval=1, save_state=False)
    train(saving(config))
    checkpoint = tmp_path / 'work' / 'epoch_4.pth'
    assert 'tskd' not in load_whole(checkpoint)
    again = resumed(config, checkpoint, tmp_path / 'again')
    text = (
        "the checkpoint has no entry 'tskd': it was not saved by a TSKD run that keeps "
        'its state (save_state=True in the hook; the best checkpoint never does), and '
        'cannot be resumed as one; to start a new run from its weights set load_from '
        'without resume'
    )
    with refused(text):
        train(again)
    again.update(resume=False, experiment_name='started')
    train(again)


def test_a_checkpoint_of_another_student_is_not_resumed(tmp_path, data):
    config = saving(run_config(tmp_path, data, epochs=4), interval=4)
    train(config)
    config.model.student.neck.out_channels = 8
    config.model.student.bbox_head.in_channels = 8
    config.train_cfg.max_epochs = 8
    text = (
        'the checkpoint holds another student than RetinaNet of the config: 18 '
        "weights differ in name or shape, first ['bbox_head.cls_convs.0.conv.weight', "
        "'bbox_head.reg_convs.0.conv.weight', 'neck.fpn_convs.0.conv.bias']; resume it "
        'with its own config, or to start a new run from its weights set load_from '
        'without resume'
    )
    with refused(text):
        train(resumed(config, tmp_path / 'work' / 'epoch_4.pth', tmp_path / 'again'))


def test_a_run_starts_from_a_plain_student(tmp_path, data):
    plain = MODELS.build(dict(_scope_='mmdet', **tiny_retinanet()))
    torch.save({'state_dict': plain.state_dict()}, tmp_path / 'plain.pth')
    config = run_config(tmp_path, data, epochs=4)
    config.load_from = str(tmp_path / 'plain.pth')
    config.optim_wrapper.optimizer.lr = 0.0
    student = train(config).model.student
    assert same_tensors(
        dict(student.named_parameters()), dict(plain.named_parameters())
    )


def test_a_misspelled_argument_is_an_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'save'"):
        DistillationHook(save=True)


@pytest.mark.parametrize('normalize', ['rms', 'column', None])
def test_the_teacher_is_folded_unless_it_must_be_the_release_s(
    tmp_path, data, normalize
):
    config = run_config(tmp_path, data, epochs=4)
    config.model.review = normalize and dict(normalize=normalize)
    if normalize is None:
        config.custom_hooks = [dict(type='DistillationHook')]
    runner = Runner.from_cfg(config)
    runner.train()
    teacher = runner.model.teacher
    assert not any(module.training for module in teacher.model.modules())
    images = torch.rand(2, 3, 64, 64)
    exact = teacher.tap.run(lambda: teacher.model(images, mode='tensor')).levels
    seen = teacher(images, None).levels
    equal = all(map(torch.equal, seen, exact))
    assert equal is (normalize == 'column')
    torch.testing.assert_close(seen, exact, rtol=1e-5, atol=1e-5)
