"""The table of a host's zoo."""

import sys
from pathlib import Path

import pytest

from tools.analysis_tools import zoo

FCOS = "model = dict(type='FCOS')"
CONFIGS = {
    'fcos/fcos_r101.py': FCOS,
    'fcos/fcos_r50-lsj.py': FCOS,
    'fcos/fcos_r50.py': FCOS,
    'fcos/fcos_tiny_data.py': 'x = 1',
    '_base_/model.py': FCOS,
    'yolox/yolox_x.py': "model = dict(type='YOLOX')",
    'data/part.py': 'x = 1',
}


def install(configs: dict[str, str], package: Path, monkeypatch) -> None:
    """Configs where an installed host keeps them."""
    for name, text in configs.items():
        file = package / '.mim' / 'configs' / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(zoo, 'get_installed_path', lambda host: package)


@pytest.fixture
def host(tmp_path: Path, monkeypatch) -> Path:
    """A host of two families, whose trials tell their config."""
    install(CONFIGS, tmp_path, monkeypatch)

    def tried(config: str) -> dict[str, str]:
        return {'taps': '`neck`', 'levels': '8, 16', 'outcome': f'tried | {config}'}

    monkeypatch.setattr(zoo, 'try_in_process', tried)
    return tmp_path


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, 'argv', ['zoo.py', *arguments])
    zoo.main()


def test_each_folder_gives_its_smallest_model(host):
    chosen = [('fcos', 'mmdet::fcos/fcos_r50.py'), ('yolox', 'mmdet::yolox/yolox_x.py')]
    assert [*zoo.choose('mmdet')] == chosen


def test_a_folder_of_mmpretrain_gives_a_classifier_with_a_head(tmp_path, monkeypatch):
    classifier = "model = dict(type='ImageClassifier')"
    configs = {
        'mae/mae_tiny.py': "model = dict(type='MAE')",
        'mae/benchmarks/vit-base.py': classifier,
        'mae/benchmarks/vit-small_headless.py': classifier,
        'llava/llava.py': "model = dict(type='Llava')",
    }
    install(configs, tmp_path, monkeypatch)
    chosen = [('mae', 'mmpretrain::mae/benchmarks/vit-base.py')]
    assert [*zoo.choose('mmpretrain')] == chosen


def test_the_table_has_a_row_a_folder(host, monkeypatch, capsys):
    run(monkeypatch, 'mmdet', '--out', str(host / 'table.md'))
    table = (
        f'{zoo.HEADER}\n'
        '| fcos | `fcos_r50` | `neck` | 8, 16 | tried / mmdet::fcos/fcos_r50.py |\n'
        '| yolox | `yolox_x` | `neck` | 8, 16 | tried / mmdet::yolox/yolox_x.py |\n'
    )
    assert (host / 'table.md').read_text() == table
    assert capsys.readouterr().out == table


def test_an_interrupted_table_goes_on_with_what_is_not_known(host, monkeypatch):
    table = host / 'table.md'
    known = '| fcos | `fcos_r50` | `neck` | 8 | works |'
    unknown = '| yolox | `yolox_x` |  |  | not known: longer than 600 s |'
    table.write_text(f'{zoo.HEADER}\n{known}\n{unknown}\n')
    run(monkeypatch, 'mmdet', '--out', str(table))
    assert table.read_text().splitlines()[2:] == [
        known,
        '| yolox | `yolox_x` | `neck` | 8, 16 | tried / mmdet::yolox/yolox_x.py |',
    ]


def test_a_trial_that_does_not_end_is_not_known(monkeypatch):
    monkeypatch.setattr(zoo, 'SECONDS', 1)
    found = zoo.try_in_process('mmdet::fcos/fcos_r50_fpn_1x_coco.py')
    assert found == {
        'taps': '',
        'levels': '',
        'outcome': 'not known: longer than 1 s of CPU time',
    }
