"""Every way in which the benchmarks publish a classifier ends in mmpretrain's names."""

import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS
from toys import run_tool

from tools.model_converters.cifar_to_mmpretrain import convert
from tskd_mm.models.loading.model_config import find_model

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / 'tools' / 'model_converters' / 'cifar_to_mmpretrain.py'
CONFIG = str(ROOT / 'configs' / 'cifar' / 'resnet20_cifar100.py')


def published(classifier: str) -> OrderedDict:
    """A benchmark's ResNet-20: no prefix but for the classifier's name."""
    state = MODELS.build(find_model(CONFIG, 'teacher').config).state_dict()
    return OrderedDict(
        (k.replace('head.fc', classifier).removeprefix('backbone.'), v)
        for k, v in state.items()
    )


@pytest.mark.parametrize(
    'wrap',
    [
        lambda state: state,
        lambda state: {'model': state, 'epoch': 240, 'best_acc': 0.7},
        lambda state: {'state_dict': {f'module.{k}': v for k, v in state.items()}},
    ],
    ids=['bare', 'model', 'module.'],
)
@pytest.mark.parametrize('classifier', ['fc', 'linear'])
def test_container_and_classifier(tmp_path, wrap, classifier):
    state = published(classifier)
    torch.save(wrap(state), tmp_path / 'published.pth')
    run_tool(tmp_path, str(TOOL), CONFIG, 'published.pth', 'out/converted.pth')
    found = torch.load(tmp_path / 'out' / 'converted.pth', weights_only=True)
    for name, tensor in found['state_dict'].items():
        source = name.replace('head.fc', classifier).removeprefix('backbone.')
        assert torch.equal(tensor, state[source])
    assert len(found['state_dict']) == len(state)


@pytest.mark.parametrize('classifier', ['fc', 'linear', 'classifier', 'classifier.0'])
def test_classifier_names(classifier):
    weights = OrderedDict({'conv1.weight': 1, f'{classifier}.weight': 2})
    weights[f'{classifier}.bias'] = 3
    renamed, name = convert(weights)
    assert name == classifier
    expected = {'backbone.conv1.weight': 1, 'head.fc.weight': 2, 'head.fc.bias': 3}
    assert renamed == expected


def test_no_classifier():
    text = (
        'expected one classifier called fc or linear or classifier or classifier.0, '
        'but found none among 1 tensors: this is no classifier of the CIFAR benchmarks'
    )
    with pytest.raises(ValueError, match=f'^{re.escape(text)}$'):
        convert(OrderedDict({'conv1.weight': 1}))


def test_another_architecture(tmp_path):
    torch.save(published('fc'), tmp_path / 'r20.pth')
    config = CONFIG.replace('resnet20', 'resnet32')
    with pytest.raises(RuntimeError, match='does not fit ImageClassifier'):
        run_tool(tmp_path, str(TOOL), config, 'r20.pth', 'out.pth')
    assert not (tmp_path / 'out.pth').exists()
