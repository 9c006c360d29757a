import json

import pytest

from tskd_mm.apis.progress_line import clock, progress


@pytest.mark.parametrize(
    'seconds, text', [(0, '0:00'), (59.6, '1:00'), (75, '1:15'), (3661, '61:01')]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_progress(tmp_path):
    assert progress('TSKD', tmp_path, 4, 60) == 'TSKD starting'
    folder = tmp_path / '1' / 'vis_data'
    folder.mkdir(parents=True)
    records = [{'lr': 1, 'loss': 1.0, 'epoch': e, 'step': 5 * e} for e in (1, 2)]
    lines = ''.join(json.dumps(record) + '\n' for record in records)
    (folder / 'scalars.json').write_text(lines)
    # 2 of 5 epochs took a minute.
    assert progress('TSKD', tmp_path, 5, 60) == 'TSKD [####......] 2/5, 1:30 left'
    lines += json.dumps({'coco/bbox_mAP': 0.1234, 'step': 2}) + '\n'
    (folder / 'scalars.json').write_text(lines + '{"coco/bb')  # being written
    text = 'TSKD [####......] 2/5, bbox_mAP 0.123, 1:30 left'
    assert progress('TSKD', tmp_path, 5, 60) == text
