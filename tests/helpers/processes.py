"""Trainings in several processes that wait for each other."""

import socket
from pathlib import Path
from subprocess import Popen
from time import sleep


def free_port() -> int:
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def finish(runs: dict[Path, Popen]) -> None:
    """Wait for all, each with its log; if one fails, the others are ended."""
    try:
        while any(run.poll() is None for run in runs.values()):
            for log, run in runs.items():
                assert not run.poll(), log.read_text()[-3000:]
            sleep(0.1)
    finally:
        for run in runs.values():
            run.terminate()  # torchrun ends its processes, too
    for log, run in runs.items():
        assert run.wait() == 0, log.read_text()[-3000:]
