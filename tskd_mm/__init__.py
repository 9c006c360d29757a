"""Temporal supervised knowledge distillation for the OpenMMLab stack."""

from .host_versions import check_host_versions

check_host_versions()

from . import engine, models  # noqa: E402
from .moved_imports import keep_moved_imports  # noqa: E402
from .version import __version__  # noqa: E402

keep_moved_imports()

__all__ = ['__version__', 'engine', 'models']
