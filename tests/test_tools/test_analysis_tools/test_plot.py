import cv2
from written_run import write_run

from tools.analysis_tools.plot import main

HOOK = "custom_hooks = [dict(type='TSKDMemoryHook', interval=1)]\n"


def test_writes_a_picture(tmp_path, monkeypatch):
    write_run(tmp_path / 'alone')
    write_run(tmp_path / 'tskd', hook=HOOK)
    out = tmp_path / 'new' / 'plot.png'
    monkeypatch.setattr(
        'sys.argv', ['x', f'{tmp_path}/alone', f'{tmp_path}/tskd', '--out', str(out)]
    )
    main()
    assert cv2.imread(str(out)).std() > 10


def test_default_place(tmp_path, monkeypatch):
    monkeypatch.setattr('sys.argv', ['x', str(write_run(tmp_path / 'a'))])
    main()
    assert cv2.imread(str(tmp_path / 'a' / 'curves.png')).std() > 10
