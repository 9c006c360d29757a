import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.dataset_converters.npz_to_folders import convert, main


@pytest.fixture
def source(tmp_path) -> Path:
    """Three images to train and one to test, of 12 classes."""
    path = tmp_path / 'images.npz'
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 6, 5, 3), np.uint8)
    labels = np.array([11, 2, 11, 0])
    np.savez(
        path,
        x_train=images[:3],
        y_train=labels[:3],
        x_test=images[3:],
        y_test=labels[3:],
    )
    return path


def test_pixels_and_classes(source, tmp_path):
    target = tmp_path / 'out'
    assert convert(source, target) == {'train': 3, 'test': 1}
    files = sorted(str(p.relative_to(target)) for p in target.rglob('*.png'))
    assert files == [
        'test/0/000000.png',
        'train/02/000001.png',
        'train/11/000000.png',
        'train/11/000002.png',
    ]
    read = cv2.imread(str(target / files[1]))[..., ::-1]
    assert np.array_equal(read, np.load(source)['x_train'][1])


def test_the_host_reads_it(source, tmp_path):
    from mmpretrain.datasets import CustomDataset

    convert(source, tmp_path / 'out')
    data = CustomDataset(data_root=str(tmp_path / 'out' / 'train'))
    assert [data.get_data_info(i)['gt_label'] for i in range(3)] == [0, 1, 1]


def test_an_existing_folder_stays(source, tmp_path):
    message = f'{tmp_path} is there already: give another folder'
    with pytest.raises(FileExistsError, match=f'^{re.escape(message)}$'):
        convert(source, tmp_path)


def test_another_npz(tmp_path, monkeypatch):
    np.savez(tmp_path / 'a.npz', x_train=np.zeros(3), labels=np.zeros(3))
    message = (
        f'{tmp_path}/a.npz must hold arrays x_SPLIT and y_SPLIT, but holds x_train, '
        'labels'
    )
    words = ['x', str(tmp_path / 'a.npz'), str(tmp_path / 'out')]
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == message


def test_an_image_that_cannot_be_written(source, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'imwrite', lambda *_: False)  # as on a full disk
    file = tmp_path / 'out' / 'train' / '11' / '000000.png'
    message = f'{file} cannot be written: check the space on the disk'
    with pytest.raises(OSError, match=f'^{re.escape(message)}$'):
        convert(source, tmp_path / 'out')
