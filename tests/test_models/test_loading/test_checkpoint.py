"""Weights are read from a file, and nothing in it runs."""

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

from tskd_mm.models.loading.checkpoint import load_weights

STATE = {'conv.weight': torch.arange(4.0), 'bn.num_batches_tracked': torch.tensor(3)}
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
