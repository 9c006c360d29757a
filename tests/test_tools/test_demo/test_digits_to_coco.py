import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from sklearn.datasets import load_digits

from tools.demo import digit_scene, digits_to_coco
from tools.demo.digit_scene import draw_scene
from tools.demo.digits_to_coco import (
    CLASSES,
    Settings,
    main,
    make_set,
    split_sources,
)

SMALL = Settings(train=12, val=6, size=96, seed=3)


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('digits') / 'set'
    assert make_set(out, SMALL)
    return out


def content_of(folder: Path) -> dict[str, bytes]:
    files = [f for f in folder.rglob('*') if f.is_file()]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def annotations(out: Path, split: str) -> dict:
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


def test_same_seed_same_bytes(made, tmp_path):
    make_set(tmp_path / 'again', SMALL)
    assert content_of(tmp_path / 'again') == content_of(made)


def test_other_seed_other_images(made, tmp_path):
    make_set(tmp_path / 'other', Settings(train=12, val=6, size=96, seed=4))
    name = 'train/000001.png'
    assert content_of(tmp_path / 'other')[name] != content_of(made)[name]


def test_first_images_do_not_depend_on_how_many_follow(made, tmp_path):
    make_set(tmp_path / 'few', Settings(train=2, val=1, size=96, seed=3))
    few, many = content_of(tmp_path / 'few'), content_of(made)
    for name in ('train/000001.png', 'train/000002.png', 'val/000001.png'):
        assert few[name] == many[name]


@pytest.mark.parametrize('split, count', [('train', 12), ('val', 6)])
def test_is_coco(made, split, count):
    coco = COCO(str(made / 'annotations' / f'{split}.json'))
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    assert len(coco.imgs) == count
    for image in coco.imgs.values():
        pixels = cv2.imread(str(made / split / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3) == (96, 96, 3)
    assert len(coco.anns) >= count
    for annotation in coco.anns.values():
        left, top, width, height = annotation['bbox']
        assert left >= 0
        assert top >= 0
        assert left + width <= 96
        assert top + height <= 96
        assert annotation['area'] == width * height > 0


@pytest.mark.parametrize('split', ['train', 'val'])
def test_category_is_the_digit(made, split):
    target = load_digits().target
    for annotation in annotations(made, split)['annotations']:
        name = CLASSES[annotation['category_id'] - 1]
        assert name == str(target[annotation['source']])


def test_train_and_val_share_no_digit(made):
    train, val = split_sources(1797, seed=3).values()
    assert set(train) | set(val) == set(range(1797))
    assert len(train) + len(val) == 1797
    for split, sources in (('train', train), ('val', val)):
        drawn = {a['source'] for a in annotations(made, split)['annotations']}
        assert drawn <= set(sources)


def test_boxes_are_tight_around_the_ink(monkeypatch):
    """One white digit a picture, on black and without anything else."""
    black = lambda size, rng: np.zeros((size, size, 3), np.float32)  # noqa: E731
    monkeypatch.setattr(digit_scene, '_background', black)
    monkeypatch.setattr(digit_scene, '_add_clutter', lambda image, rng: None)
    monkeypatch.setattr(digit_scene, 'DIGITS', (1, 1))

    def paint(image, alpha, box, rng):
        left, top, width, height = box
        assert alpha.shape == (height, width)
        image[top : top + height, left : left + width] = 255 * alpha[..., None]

    monkeypatch.setattr(digit_scene, '_paint', paint)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, (digit,) = draw_scene(load_digits().images, np.arange(1797), 96, rng)
        rows, columns = np.where(image.mean(axis=2) > 100)
        found = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        np.testing.assert_allclose(digit.box, found, atol=1)  # noise on the image


def test_digits_vary_in_scale_and_leave_each_other_visible(made):
    heights = []
    for split in ('train', 'val'):
        content = annotations(made, split)
        heights += [a['bbox'][3] for a in content['annotations']]
        for image in content['images']:
            boxes = [
                a['bbox']
                for a in content['annotations']
                if a['image_id'] == image['id']
            ]
            for i, box in enumerate(boxes):
                for other in boxes[:i]:
                    assert digit_scene._overlap(box, other) <= 0.3
    assert max(heights) > 2 * min(heights)


def test_same_settings_are_reused(made):
    before = (made / 'settings.json').stat().st_mtime_ns
    assert not make_set(made, SMALL)
    assert (made / 'settings.json').stat().st_mtime_ns == before


@pytest.mark.parametrize(
    'lost', ['train/000003.png', 'val/000001.png', 'annotations/val.json']
)
def test_incomplete_set_is_remade(made, tmp_path, lost):
    out = tmp_path / 'set'
    make_set(out, SMALL)
    (out / lost).unlink()
    assert make_set(out, SMALL)
    assert content_of(out) == content_of(made)


def test_interrupted_making_leaves_no_set(made, tmp_path, monkeypatch):
    out = tmp_path / 'set'
    with monkeypatch.context() as patch:
        patch.setattr(digits_to_coco, 'draw_scene', lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_set(out, SMALL)
    assert not out.exists()
    assert make_set(out, SMALL)
    assert content_of(out) == content_of(made)
    assert [f.name for f in tmp_path.iterdir()] == ['set']


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('precious')
    message = (
        f'{tmp_path} is in the way: it holds files, but no settings.json of this '
        'tool; give another --out or move it away'
    )
    with pytest.raises(FileExistsError, match=f'^{re.escape(message)}$'):
        make_set(tmp_path, SMALL)
    assert (tmp_path / 'thesis.tex').read_text() == 'precious'


@pytest.mark.parametrize(
    'name, value, least', [('train', 0, 1), ('val', 0, 1), ('size', 63, 64)]
)
def test_settings_out_of_range(name, value, least):
    message = f'^{name} must be at least {least}, but got {value}$'
    with pytest.raises(ValueError, match=message):
        Settings(**{name: value})


def test_command_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / 'set'
    command = f'x --out {out} --train 2 --val 1 --size 64 --seed 5'
    monkeypatch.setattr('sys.argv', command.split())
    main()
    assert capsys.readouterr().out.endswith(f'{out}: made\n')
    assert json.loads((out / 'settings.json').read_text())['seed'] == 5
    main()
    assert capsys.readouterr().out == f'{out}: already there, reused\n'
