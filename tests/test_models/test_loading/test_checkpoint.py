"""Weights come from a file or a URL, nothing in it runs, and they must fit."""

import os
import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.registry import MODELS
from refusals import refused
from torch import nn
from toys import same_tensors, tiny_retinanet

from tskd_mm.models.loading import checkpoint
from tskd_mm.models.loading.checkpoint import load_strictly, load_weights

STATE = {'conv.weight': torch.arange(4.0), 'bn.num_batches_tracked': torch.tensor(3)}
URL = 'https://example.invalid/models/teacher.pth'
HINT = ': check the file or download it again'


class _Attack:
    def __init__(self, function: object, *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple:
        return self.call


def _save(folder: Path, content: object, **how: object) -> str:
    torch.save(content, folder / 'file.pth', **how)
    return str(folder / 'file.pth')


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize(
    'content',
    [
        STATE,
        {'state_dict': STATE, 'meta': {'epoch': 3}},
        {'model': STATE, 'optimizer': {}},
        {'state_dict': {f'module.{name}': t for name, t in STATE.items()}},
        {'state_dict': STATE | {'note': 'no tensor'}},
        {'state_dict': {name: nn.Parameter(t.float()) for name, t in STATE.items()}},
    ],
    ids=['bare', 'state_dict', 'model', 'module prefix', 'note', 'parameters'],
)
def test_weights_are_found_where_they_stand(
    tmp_path: Path, content: dict, zipped: bool
):
    found = load_weights(
        _save(tmp_path, content, _use_new_zipfile_serialization=zipped)
    )
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.bool])
def test_dtypes_and_shared_storage_stay(tmp_path: Path, dtype: torch.dtype):
    base = torch.arange(6).reshape(2, 3).to(dtype)
    state = {'all': base, 'column': base[:, 1], 'turned': base.t()}
    assert same_tensors(load_weights(_save(tmp_path, state)), state)


def test_a_checkpoint_of_mmengine_is_read(tmp_path: Path):
    hub = MessageHub.get_instance('test_weights')
    hub.update_scalar('train/loss', np.float64(0.5))
    hub.update_info('dataset_meta', {'classes': ('a', 'b'), 'seen': {1, 2}})
    buffer = HistoryBuffer(np.arange(3.0), np.ones(3))
    content = {
        'meta': {'epoch': np.int64(2), 'history': buffer, 'path': tmp_path},
        'state_dict': STATE,
        'message_hub': hub.state_dict(),
        'optimizer': torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1).state_dict(),
    }
    path = _save(tmp_path, content)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert same_tensors(load_weights(path), STATE)


@pytest.mark.parametrize('zipped', [True, False])
def test_nothing_in_the_file_runs(tmp_path: Path, zipped: bool):
    proof = tmp_path / 'proof'
    attacks = [
        _Attack(os.system, f'touch {proof}'),
        _Attack(open, str(proof), 'w'),
        _Attack(eval, f'open({str(proof)!r}, "w")'),
        _Attack(torch.save, STATE, str(proof)),
    ]
    how = {'_use_new_zipfile_serialization': zipped}
    names = ['posix.system', f'{open.__module__}.open', '__builtin__.eval']
    names.append('torch.serialization.save')
    for attack, name in zip(attacks, names, strict=True):
        for content in (attack, {'state_dict': STATE, 'meta': attack}):
            path = _save(tmp_path, content, **how)
            with refused(refusal(path, name)):
                load_weights(path)
    (plain := tmp_path / 'file.pkl').write_bytes(pickle.dumps(attacks[0]))
    with refused(refusal(str(plain), names[0])):
        load_weights(str(plain))
    # mmengine's own files call getattr: it stays harmless.
    content = {'state_dict': STATE, 'meta': _Attack(Path.touch, proof)}
    assert same_tensors(load_weights(_save(tmp_path, content, **how)), STATE)
    assert not proof.exists()
    content = {'state_dict': STATE, 'meta': attacks[:1]}
    assert same_tensors(load_weights(_save(tmp_path, content), trust=True), STATE)
    assert proof.exists()  # the attack is a real one


def refusal(path: str, name: str) -> str:
    return (
        f'{path} would run {name} when it is loaded, which weights do not need: '
        'nothing was run; get a checkpoint of weights, or if you know who made this '
        'file and trust it, set trust_teacher_checkpoint=True'
    )


def test_a_distiller_refuses_an_attack_and_can_be_told_to_trust(tmp_path: Path):
    proof = tmp_path / 'proof'
    student = {**tiny_retinanet(), '_scope_': 'mmdet'}
    state = MODELS.build(student).state_dict()
    attack = _Attack(os.system, f'touch {proof}')
    path = _save(tmp_path, {'state_dict': state, 'meta': attack})
    config = {'type': 'TSKDDistiller', 'student': student, 'teacher': student}
    config['teacher_checkpoint'] = path
    with pytest.raises(ValueError, match='set trust_teacher_checkpoint=True'):
        MODELS.build(config).init_weights()
    assert not proof.exists()
    model = MODELS.build(config | {'trust_teacher_checkpoint': True})
    model.init_weights()
    assert same_tensors(model.teacher.model.state_dict(), state)
    assert proof.exists()


def _bytes(content: object) -> bytes:
    torch.save(content, buffer := BytesIO())
    return buffer.getvalue()


def _program() -> bytes:
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), buffer := BytesIO())
    return buffer.getvalue()


UNREADABLE = 'cannot be read as a checkpoint; it is truncated or no checkpoint at all'
CUT = 'PytorchStreamReader failed reading zip archive: failed finding central directory'
EMPTY = (
    "holds no weights: expected a state dict, or one under the key 'state_dict' or "
    "'model'"
)
PROGRAM = (
    'is a TorchScript program, which would have to be run to be read: give a '
    'checkpoint of weights'
)


@pytest.mark.parametrize(
    'content, text',
    [
        (_bytes(STATE)[:-200], f'{UNREADABLE} ({CUT}…){HINT}'),
        (b'', f'{UNREADABLE} (Ran out of input){HINT}'),
        (b'<html>not found</html>', f"{UNREADABLE} (invalid load key, '<'.){HINT}"),
        (
            pickle.dumps({'a': 1}),
            f'{UNREADABLE} (Invalid magic number; corrupt file?){HINT}',
        ),
        (_bytes({}), EMPTY),
        (_bytes({'epoch': 3}), EMPTY),
        (_bytes({'state_dict': {}}), EMPTY),
        (_bytes([torch.ones(1)]), EMPTY),
        (_bytes(torch.ones(1)), EMPTY),
        (_program(), PROGRAM),
    ],
    ids=lambda value: f'{len(value)} bytes' if isinstance(value, bytes) else '',
)
def test_a_file_without_readable_weights_is_refused(tmp_path, content, text):
    (path := tmp_path / 'file.pth').write_bytes(content)
    with refused(f'{path} {text}'):
        load_weights(str(path))


def test_a_missing_file_is_refused():
    with refused('there is no checkpoint file nowhere/a.pth', FileNotFoundError):
        load_weights('nowhere/a.pth')


@pytest.mark.parametrize(
    'leftover', [{}, {'data_preprocessor.mean': torch.ones(3), 'ema_w': torch.ones(1)}]
)
def test_weights_that_fit_are_loaded_without_leftovers_of_older_hosts(
    tmp_path: Path, leftover: dict
):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    content = {'state_dict': source.state_dict() | leftover}
    load_strictly(target, _save(tmp_path, content))
    assert same_tensors(target.state_dict(), source.state_dict())


def test_the_modules_own_conversions_apply(tmp_path: Path):
    source, target = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    source.running_mean.fill_(3)
    state = dict(source.state_dict())  # no metadata and
    del state['num_batches_tracked']  # no counter: as before PyTorch 0.4.1
    load_strictly(target, _save(tmp_path, state))
    assert same_tensors(target.state_dict(), source.state_dict())
    state = source.state_dict()
    del state['num_batches_tracked']  # of today: the counter is missed
    with pytest.raises(ValueError, match='Missing key.*num_batches_tracked'):
        load_strictly(target, _save(tmp_path, {'state_dict': state}))


def test_strict_loading_lists_every_problem(tmp_path: Path):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = {
        '0.weight': torch.zeros(2, 3),
        '0.bias': torch.zeros(3),
        '1.weight': torch.zeros(1, 3),
        'old': torch.zeros(1),
    }
    path = _save(tmp_path, state)
    text = (
        f'{path} does not fit Sequential: give the weights that were trained with this '
        'very config\n'
        '\tMissing key(s) in state_dict: "1.bias". \n'
        '\tUnexpected key(s) in state_dict: "old". \n'
        '\tsize mismatch for 0.weight: copying a param with shape torch.Size([2, 3]) '
        'from checkpoint, the shape in current model is torch.Size([3, 2]).'
    )
    with refused(text):
        load_strictly(model, path)


def test_a_url_that_cannot_be_reached_is_named(tmp_path, monkeypatch):
    def unreachable(url: str, target: str) -> None:
        raise OSError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint, 'download_url_to_file', unreachable)
    text = (
        f'{URL} cannot be downloaded (no route to host): download it on a machine with '
        'access and give teacher_checkpoint its path'
    )
    with refused(text, ConnectionError):
        load_weights(URL)


def test_a_url_is_downloaded_once(tmp_path, monkeypatch):
    calls = []

    def download(url: str, target: str) -> None:
        calls.append((url, target))
        torch.save(STATE, target)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint, 'download_url_to_file', download)
    for _ in range(2):
        assert same_tensors(load_weights(URL), STATE)
    assert calls == [(URL, str(tmp_path / 'hub' / 'checkpoints' / 'teacher.pth'))]


@pytest.mark.parametrize('shared', [True, False])
def test_one_process_of_a_machine_downloads(tmp_path, monkeypatch, shared: bool):
    """This one is the second, on the same machine or on another."""
    events = []

    def download(url: str, target: str) -> None:
        events.append('download')
        torch.save(STATE, target)

    def wait() -> None:
        events.append('wait')
        if shared:  # the first has the file by then
            folder = tmp_path / 'hub' / 'checkpoints'
            folder.mkdir(parents=True)
            torch.save(STATE, folder / 'teacher.pth')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(checkpoint, 'download_url_to_file', download)
    monkeypatch.setattr(checkpoint, 'is_main_process', lambda: False)
    monkeypatch.setattr(checkpoint, 'barrier', wait)
    assert same_tensors(load_weights(URL), STATE)
    assert events == (['wait'] if shared else ['wait', 'download'])


class _TwoNames(nn.Module):
    """Made up, after DDQ: the decoder gets branches of the head in training."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.decoder = nn.Module(), nn.Module()
        self.head.branches = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def train_once(self) -> None:
        self.decoder.branches = self.head.branches


def test_second_names_of_weights_are_left_out(tmp_path: Path):
    trained, fresh = _TwoNames(), _TwoNames()
    trained.train_once()
    path = _save(tmp_path, trained.state_dict())
    assert 'decoder.branches.1.bias' in load_weights(path)
    load_strictly(fresh, path)
    expected = trained.head.state_dict()
    assert same_tensors(fresh.head.state_dict(), expected)


def test_other_weights_under_such_a_name_are_refused(tmp_path: Path):
    trained = _TwoNames()
    trained.train_once()
    weights = {name: value.clone() for name, value in trained.state_dict().items()}
    weights['decoder.branches.1.bias'] += 1
    with pytest.raises(ValueError, match=r'Unexpected key.*"decoder.branches.1.bias"'):
        load_strictly(_TwoNames(), _save(tmp_path, weights))
    weights = trained.state_dict() | {'decoder.more': torch.ones(2)}
    with pytest.raises(ValueError, match=r'Unexpected key.*: "decoder.more"'):
        load_strictly(_TwoNames(), _save(tmp_path, weights))
