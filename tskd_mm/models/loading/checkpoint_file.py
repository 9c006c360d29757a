"""Where a checkpoint is: a file, or a URL that is downloaded once a machine."""

import re
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlparse

from mmengine.dist import barrier, is_main_process
from torch.hub import download_url_to_file, get_dir


def check_file(checkpoint: str) -> None:
    """Check that a checkpoint is there; a URL is taken as it is.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not _is_url(checkpoint) and not Path(checkpoint).expanduser().is_file():
        raise FileNotFoundError(f'there is no checkpoint file {checkpoint}')


def _is_url(checkpoint: str) -> bool:
    return checkpoint.startswith(('http://', 'https://'))


def local_file(checkpoint: str) -> Path:
    """Where a checkpoint is on this machine; a URL is downloaded once.

    Raises:
        FileNotFoundError: If there is no such file.
        ConnectionError: If the URL cannot be fetched.
    """
    if not _is_url(checkpoint):
        check_file(checkpoint)
        return Path(checkpoint).expanduser()
    path = _cached(checkpoint)
    try:
        if is_main_process():
            _download(checkpoint, path)
    finally:
        barrier()  # the others of this machine find the file then
    _download(checkpoint, path)
    return path


def _cached(url: str) -> Path:
    """The name that torch.hub gives it, unless other URLs may end in it too."""
    name = Path(urlparse(url).path)
    # Files of the model zoos carry a digest of what is in them.
    unique = re.search('-[a-f0-9]{8,}$', name.stem)
    digest = '' if unique else '-' + sha256(url.encode()).hexdigest()[:8]
    return Path(get_dir(), 'checkpoints', name.stem + digest + name.suffix)


def _download(url: str, path: Path) -> None:
    """Unless the file is there."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(url, str(path))
    except OSError as error:
        raise ConnectionError(
            f'{url} cannot be downloaded ({error}): download it on a machine with '
            'access and give teacher_checkpoint its path'
        ) from error
