"""Says whose weights could not be downloaded where a student starts from some."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError

from torch import nn


@contextmanager
def explain_download(student: nn.Module) -> Iterator[None]:
    """Inside, a student is initialised from the files in its ``init_cfg``.

    Raises:
        ConnectionError: If one cannot be downloaded.
    """
    try:
        yield
    except (URLError, ConnectionError, TimeoutError) as error:
        files = ', '.join(
            f'{file} for {name or "the student"}'
            for name, file in initial_files(student)
            if '://' in file  # a URL, or a zoo (torchvision://...)
        )
        raise ConnectionError(
            f'the initial weights of the student cannot be downloaded ({error}): its '
            f'config takes {files or "some from the net"}; download the file on a '
            'machine with access and give its path as init_cfg.checkpoint in the '
            "student's config, or write init_cfg=None to start from random weights"
        ) from error


def initial_files(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Paths of the modules whose ``init_cfg`` names weights, and where those are."""
    for name, part in model.named_modules():
        init_cfg = getattr(part, 'init_cfg', None) or ()
        for config in [init_cfg] if isinstance(init_cfg, dict) else init_cfg:
            if config.get('type') == 'Pretrained':
                yield name, str(config['checkpoint'])
