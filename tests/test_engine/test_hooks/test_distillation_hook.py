"""Checkpoints and resumed runs, in a real Runner with a real (tiny) RetinaNet."""

import copy
import re
import time
from pathlib import Path
from types import SimpleNamespace

import mmdet
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import MMFullyShardedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner
from toys import (
    TRUSTING,
    load_whole,
    run_config,
    run_tool,
    same_tensors,
    tiny_distiller,
    tiny_retinanet,
    with_validation,
)

from tskd_mm.engine import DistillationHook
from tskd_mm.engine.resume.checkpoint_entry import add_entry
from tskd_mm.engine.resume.random_state import seed_iterations


def train(config: ConfigDict) -> Runner:
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def resumed(config: ConfigDict, checkpoint: Path, folder: Path) -> ConfigDict:
    config = copy.deepcopy(config)
    config.update(resume=True, load_from=str(checkpoint))
    config.update(work_dir=str(folder), experiment_name=str(folder))
    return config


def same(a: object, b: object) -> bool:
    """Equal to the last bit, through dicts and lists."""
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


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
    """A run without a review."""
    config = run_config(tmp_path, data, epochs=2)
    config.model.review = None
    config.custom_hooks = [dict(type='DistillationHook')]
    return config


@pytest.mark.parametrize('loop', ['epochs', 'iterations'])
@pytest.mark.parametrize('workers', [0, 2])
def test_resumed_equals_never_interrupted(tmp_path, data, loop, workers):
    # M1 R M1 R: interrupted after a review, so that its optimizer state matters.
    cycle = dict(interval=1, num_slots=1)
    config = with_validation(
        run_config(tmp_path, data, epochs=4, augment=True, **cycle)
    )
    config.model.student.neck.type = 'FPNWithDropout'
    config.train_dataloader.num_workers = workers
    config.train_dataloader.persistent_workers = workers > 0
    config.randomness.deterministic = True
    config.optim_wrapper.optimizer = dict(type='AdamW', lr=1e-3)
    by_epoch = loop == 'epochs'
    config.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=1 if by_epoch else 2, by_epoch=by_epoch
    )
    if by_epoch:
        middle, last = 'epoch_2.pth', 'epoch_4.pth'
    else:
        config.train_cfg = dict(by_epoch=False, max_iters=8, val_interval=3)
        config.train_dataloader.sampler.type = 'InfiniteSampler'
        config.custom_hooks = [
            dict(type='TSKDMemoryHook', interval=2, by_epoch=False, num_slots=1)
        ]
        middle, last = 'iter_4.pth', 'iter_8.pth'
    train(copy.deepcopy(config))
    train(resumed(config, tmp_path / 'work' / middle, tmp_path / 'again'))
    whole, again = (
        load_whole(tmp_path / 'work' / last),
        load_whole(tmp_path / 'again' / last),
    )
    assert len(load_whole(tmp_path / 'work' / middle)['tskd']['optimizer']) > 0
    for part in ('state_dict', 'optimizer', 'tskd'):
        assert same(whole[part], again[part]), part


def test_the_size_of_the_batch_is_resumed(tmp_path, static):
    """mmdet draws it in every third step here, and keeps it beyond the epoch."""
    resize = dict(type='BatchSyncRandomResize', random_size_range=(64, 256), interval=3)
    static.model.student.data_preprocessor.batch_augments = [resize]
    static.train_cfg.max_epochs = 3
    static.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    static.randomness.deterministic = True
    train(copy.deepcopy(static))
    train(resumed(static, tmp_path / 'work' / 'epoch_2.pth', tmp_path / 'again'))
    entry = load_whole(tmp_path / 'work' / 'epoch_2.pth')['tskd']
    [[height, width]] = entry['input_sizes']
    assert {height % 32, width % 32} == {0}
    whole, again = (load_whole(tmp_path / f / 'epoch_3.pth') for f in ('work', 'again'))
    for part in ('state_dict', 'tskd'):
        assert same(whole[part], again[part]), part


def test_resumed_without_a_seed_of_its_own(tmp_path, static):
    static.randomness = dict(seed=None, deterministic=True)
    teacher = MODELS.build({**static.model.teacher, '_scope_': 'mmdet'})
    torch.save(teacher.state_dict(), tmp_path / 'teacher.pth')
    static.model.teacher_checkpoint = str(tmp_path / 'teacher.pth')
    static.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    train(copy.deepcopy(static))
    first, last = (tmp_path / 'work' / f'epoch_{n}.pth' for n in (1, 2))
    train(resumed(static, first, tmp_path / 'again'))
    again = load_whole(tmp_path / 'again' / 'epoch_2.pth')
    assert same(load_whole(last)['state_dict'], again['state_dict'])


@pytest.mark.parametrize('fast_forward, first', [(True, 40), (False, 0)])
def test_where_the_random_numbers_of_an_iteration_loop_go_on(fast_forward, first):
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


def test_without_a_review(tmp_path, static):
    static.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    static.randomness.deterministic = True
    runner = train(copy.deepcopy(static))
    assert runner.model.review is None and runner.model.bank is None
    assert list(runner.model.extras()) == ['losses']
    first = tmp_path / 'work' / 'epoch_1.pth'
    parts = {'schedule', 'losses', 'optimizer', 'input_sizes'}
    assert set(load_whole(first)['tskd']) == parts
    again = train(resumed(static, first, tmp_path / 'again'))
    assert same_tensors(again.model.state_dict(), runner.model.state_dict())


def stock(config: ConfigDict) -> ConfigDict:
    """Training of the student alone."""
    config = copy.deepcopy(config)
    config.model = config.model.student
    config.update(work_dir=f'{config.work_dir}_stock', experiment_name='stock')
    return config


@pytest.mark.parametrize('kind', ['epoch', 'iter', 'best', 'ema'])
def test_every_checkpoint_is_a_plain_student(tmp_path, data, kind):
    config = with_validation(run_config(tmp_path, data, epochs=4))
    hook = dict(type='CheckpointHook', interval=1)
    if kind == 'iter':
        hook.update(by_epoch=False, interval=8)
    if kind == 'best':
        hook.update(save_best='coco/bbox_mAP', rule='greater')
    if kind == 'ema':
        config.custom_hooks.append(dict(type='EMAHook'))
        config.experiment_name += 'ema'
    config.default_hooks.checkpoint = hook
    train(copy.deepcopy(config))
    plain = stock(config)
    plain.custom_hooks = config.custom_hooks[1:]
    train(plain)
    pattern = {'iter': 'iter_8.pth', 'best': 'best_*.pth'}.get(kind, 'epoch_4.pth')
    [ours] = (tmp_path / 'work').glob(pattern)
    [theirs] = (tmp_path / 'work_stock').glob(pattern)
    MODELS.build(tiny_retinanet()).load_state_dict(load_whole(ours)['state_dict'])
    assert list(load_whole(ours)['state_dict']) == list(
        load_whole(theirs)['state_dict']
    )
    assert ('tskd' in load_whole(ours)) == (kind != 'best')
    assert ('ema_state_dict' in load_whole(ours)) == (kind == 'ema')
    content = load_whole(ours)
    content.pop('tskd', None)
    size, expected = (weight(c, tmp_path) for c in (content, load_whole(theirs)))
    assert abs(size - expected) <= 0.01 * expected, (size, expected)
    assert same_numbers(content.get('optimizer'), load_whole(theirs).get('optimizer'))


def weight(checkpoint: dict, folder: Path) -> int:
    """Bytes on the disk, without the config's text and the log."""
    kept = {k: v for k, v in checkpoint.items() if k not in ('meta', 'message_hub')}
    torch.save(kept, folder / 'weighed.pth')
    return (folder / 'weighed.pth').stat().st_size


def test_the_host_publishes_the_student(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=4)
    train(config)
    tool = Path(mmdet.__file__).parent / '.mim/tools/model_converters/publish_model.py'
    whole = str(tmp_path / 'work' / 'epoch_4.pth')
    run_tool(tmp_path, str(tool), whole, 'student.pth', **TRUSTING)
    deadline = time.monotonic() + 10  # it renames the file in the background
    while not (found := [*tmp_path.glob('student-*.pth')]):
        assert time.monotonic() < deadline
    assert set(load_whole(found[0])) == {'meta', 'state_dict'}
    MODELS.build(tiny_retinanet()).load_state_dict(load_whole(found[0])['state_dict'])


def same_numbers(ours: dict | None, theirs: dict | None) -> bool:
    """Whether the optimizer keeps as many numbers in both."""

    def numbers(state: dict) -> int:
        tensors = [t for p in state['state'].values() for t in p.values()]
        return sum(t.numel() for t in tensors if torch.is_tensor(t))

    return ours is theirs is None or numbers(ours) == numbers(theirs)


def test_state_switched_off(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4, interval=1, save_state=False)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    train(copy.deepcopy(config))
    checkpoint = tmp_path / 'work' / 'epoch_4.pth'
    assert 'tskd' not in load_whole(checkpoint)
    with pytest.raises(ValueError, match="^the checkpoint has no entry 'tskd'"):
        train(resumed(config, checkpoint, tmp_path / 'again'))


def test_resume_with_another_student(tmp_path, data):
    config = run_config(tmp_path, data, epochs=4)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    train(copy.deepcopy(config))
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
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        train(resumed(config, tmp_path / 'work' / 'epoch_4.pth', tmp_path / 'again'))


def test_load_from_a_plain_student(tmp_path, data):
    plain = MODELS.build(dict(_scope_='mmdet', **tiny_retinanet()))
    torch.save({'state_dict': plain.state_dict()}, tmp_path / 'plain.pth')
    config = run_config(tmp_path, data, epochs=4)
    config.load_from = str(tmp_path / 'plain.pth')
    config.optim_wrapper.optimizer.lr = 0.0
    runner = train(config)
    parameters = dict(plain.named_parameters())
    trained = dict(runner.model.student.named_parameters())
    assert same_tensors(trained, parameters)


def test_a_distiller_needs_its_hook(tmp_path, data, static):
    text = (
        'TSKDDistiller trains with the hook {0}, but none is there: add custom_hooks = '
        "[dict(type='{0}')] to the config"
    )
    for config, hook in (
        (run_config(tmp_path, data), 'TSKDMemoryHook'),
        (static, 'DistillationHook'),
    ):
        config.custom_hooks = []
        config.experiment_name = hook
        with pytest.raises(RuntimeError, match=re.escape(text.format(hook))):
            train(config)


def test_hook_of_another_kind(tmp_path, data, static):
    static.custom_hooks = [dict(type='TSKDMemoryHook', interval=1)]
    text = (
        'TSKDMemoryHook runs reviews, but the TSKDDistiller has review=None: use the '
        'hook DistillationHook, or remove review=None from the model'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        train(static)
    config = run_config(tmp_path, data)
    config.custom_hooks = [dict(type='DistillationHook')]
    config.experiment_name += 'reviewed'
    text = (
        'DistillationHook runs no reviews, but the TSKDDistiller has one: use the '
        'hook TSKDMemoryHook, or set review=None in the model'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        train(config)


def test_sharded_models_are_refused():
    sharded = MMFullyShardedDataParallel.__new__(MMFullyShardedDataParallel)
    text = (
        'FSDP splits every weight over the processes, but a distiller copies and '
        'compares whole ones: use MMDistributedDataParallel (remove model_wrapper_cfg '
        'or strategy from the config)'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        DistillationHook().distiller(SimpleNamespace(model=sharded))


def test_arguments():
    with pytest.raises(TypeError, match="unexpected keyword argument 'save'"):
        DistillationHook(save=True)
