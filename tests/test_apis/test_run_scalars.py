"""What mmengine wrote down comes back, of resumed and of running trainings too."""

import re

import pytest
from written_run import write_run

from tskd_mm.apis.run_scalars import RunScalars, read_scalars


def test_scalars_by_value(tmp_path):
    run = read_scalars(write_run(tmp_path / 'a', epochs=2, iters=4, loss=8.0))
    assert run.name == 'a'
    assert run.iters_per_epoch == 4
    assert run.losses() == [(0.5, 4.0), (1.0, 2.0), (1.5, 8 / 6), (2.0, 1.0)]
    assert run.metrics('coco/bbox_mAP') == [(1.0, 0.1), (2.0, 0.2)]
    assert run.seconds() == 2 * 4 * 0.5


def test_seconds_of_records_that_differ(tmp_path):
    """Each mean is of the iterations since the last: 2 of 3 s, 2 of 1 s, 1 of 5 s."""
    run = RunScalars('a', {2: {'time': 3.0}, 4: {'time': 1.0}, 5: {'time': 5.0}})
    assert run.seconds() == 2 * 3 + 2 * 1 + 5


def test_iterations_of_an_epoch_whose_last_was_not_logged(tmp_path):
    """7 iterations an epoch, logged every 2: the last record is the 6th."""
    assert read_scalars(write_run(tmp_path, epochs=8, iters=7)).iters_per_epoch == 7


def test_resumed_run_counts_where_both_speak(tmp_path):
    write_run(tmp_path, epochs=3, stamp='20260101_000000', loss=1.0)
    write_run(tmp_path, epochs=2, stamp='20260102_000000', loss=100.0)
    losses = dict(read_scalars(tmp_path).losses())
    assert losses[2.0] == 100 / 8
    assert losses[3.0] == 1 / 12


def test_folder_without_scalars(tmp_path):
    message = (
        f'{tmp_path} holds no */vis_data/scalars.json: give the work_dir of a '
        'training with mmengine'
    )
    with pytest.raises(FileNotFoundError, match=f'^{re.escape(message)}$'):
        read_scalars(tmp_path)


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    """Of a run that was killed, and of the one that writes now."""
    killed = write_run(tmp_path, epochs=1, stamp='20260101_000000', loss=1.0)
    now = write_run(tmp_path, epochs=2, stamp='20260102_000000', loss=100.0)
    whole = read_scalars(tmp_path)
    for work_dir in {killed, now}:
        for file in work_dir.glob('*/vis_data/scalars.json'):
            with file.open('a') as end:
                end.write('{"lr": 0.0')
    assert read_scalars(tmp_path) == whole
