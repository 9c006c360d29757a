"""Teachers in turn, in a real Runner with a small classifier."""

import copy
from pathlib import Path

import pytest
import torch
from digits_run import classifier, digits_config
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.registry import MODELS
from mmengine.runner import Runner
from refusals import refused
from runs import check_resumed, train, watched
from toys import load_whole, same_tensors


class Teachers(Hook):
    """Writes down which file the teacher's weights are those of, in every step."""

    def __init__(self, files: list[str]) -> None:
        self.weights = {file: load_whole(file)['state_dict'] for file in files}
        self.steps: list[str] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        teacher = runner.model.teacher.model
        own = teacher.state_dict()
        [name] = [n for n, state in self.weights.items() if same_tensors(own, state)]
        assert not teacher.training
        assert not any(p.requires_grad for p in teacher.parameters())
        self.compare_features(runner.model.teacher)
        self.steps.append(Path(name).stem)

    def compare_features(self, teacher) -> None:
        """The folded copy of it has these weights too."""
        images = torch.rand(2, 3, 8, 8)
        expected = teacher.tap.run(lambda: teacher.model(images, mode='tensor'))
        for level, other in zip(teacher(images, None).levels, expected.levels):
            assert not torch.equal(level, other)
            torch.testing.assert_close(level, other, rtol=1e-5, atol=1e-5)


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Three teachers."""
    names = [str(tmp_path / f'{name}.pth') for name in 'abc']
    for name in names:
        model = MODELS.build(dict(_scope_='mmpretrain', **classifier(14, 6)))
        for buffer_name, buffer in model.named_buffers():
            if buffer_name.endswith('running_mean'):
                buffer.normal_(0, 0.3)
        torch.save({'state_dict': model.state_dict()}, name)
    return names


@pytest.fixture
def config(tmp_path, files) -> ConfigDict:
    config = digits_config(tmp_path)  # 4 epochs of 2 steps
    config.model.teacher_checkpoint = files[0]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    return config


def routed(config: ConfigDict, *route: tuple) -> ConfigDict:
    config = copy.deepcopy(config)
    hook = dict(type='TeacherRouteHook', checkpoints=[*route])
    config.custom_hooks = [*config.custom_hooks, hook]
    return config


def taught(config: ConfigDict, files: list[str]) -> str:
    """The teacher of each step."""
    train(config, teachers := Teachers(files))
    return ''.join(teachers.steps)


@pytest.mark.parametrize('first', [True, False])
def test_each_teacher_from_its_epoch_on(config, files, first):
    a, b, c = files
    route = [(0, a)] if first else []
    assert taught(routed(config, *route, (1, b), (3, c)), files) == 'aabbbbcc'


def test_iterations_where_the_loop_counts_them(config, files):
    config.train_cfg = dict(by_epoch=False, max_iters=6)
    config.train_dataloader.sampler.type = 'InfiniteSampler'
    config.custom_hooks = [dict(type='TSKDMemoryHook', interval=1, by_epoch=False)]
    config.default_hooks.checkpoint.by_epoch = False
    a, b, c = files
    assert taught(routed(config, (0, a), (1, b), (4, c)), files) == 'abbbcc'


def test_a_switch_equals_a_training_that_was_always_so(config, files):
    a, b, _ = files
    _, switched = watched(routed(config, (0, a), (2, b)))
    _, plain = watched(config)
    assert switched.rows[:4] == plain.rows[:4]
    assert switched.rows[4] != plain.rows[4]


def test_resumed_bit_for_bit(tmp_path, config, files):
    a, b, c = files
    config = routed(config, (0, a), (1, b), (3, c))
    config.log_level = 'INFO'
    check_resumed(config, tmp_path, 'epoch_2.pth', 'epoch_4.pth')
    [log] = (tmp_path / 'again').glob('*/*.log')
    said = log.read_text()
    assert f'weights: {b}\n' in said  # the panel
    order = [f'epoch 2: the teacher has weights from {b}', 'before the first step']
    order.append(f'epoch 3: the teacher has weights from {c}')
    places = [said.index(text) for text in order]
    assert places == sorted(places)


def test_teachers_of_other_architectures_take_a_training_each(tmp_path, config, files):
    """As docs/choosing.md shows: the second starts from the student of the first."""
    train(config)
    first = str(tmp_path / 'work' / 'epoch_4.pth')
    config.model.update(teacher=classifier(20, 8), teacher_checkpoint=None)
    config.update(load_from=first, work_dir=str(tmp_path / 'second'))
    config.optim_wrapper.optimizer.lr = 0.0
    runner = train(config)
    assert runner.epoch == 4
    saved = load_whole(first)['state_dict']
    for name, parameter in runner.model.student.named_parameters():
        assert torch.equal(parameter, saved[name])


def test_another_first_teacher_is_refused(config, files):
    a, b, _ = files
    text = (
        f'the route of TeacherRouteHook starts with {b}, but teacher_checkpoint is '
        f'{a}: give both the same, or leave the entry at 0 out'
    )
    with refused(text):
        train(routed(config, (0, b)))


def test_every_file_is_checked_before_training(tmp_path, config, files):
    runner = Runner.from_cfg(routed(config, (1, files[1]), (3, 'missing.pth')))
    with refused('there is no checkpoint file missing.pth', FileNotFoundError):
        runner.train()
    other = str(tmp_path / 'other.pth')
    model = MODELS.build(dict(_scope_='mmpretrain', **classifier(8, 6)))
    torch.save({'state_dict': model.state_dict()}, other)
    runner = Runner.from_cfg(routed(config, (3, other)))
    with refused(f'{other} does not fit ImageClassifier: give the weights that…'):
        runner.train()
    assert runner.iter == 0
    first = load_whole(files[0])['state_dict']
    assert same_tensors(runner.model.teacher.model.state_dict(), first)
