"""Checks the host packages that tskd_mm plugs into."""

from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

# Package: (lowest version tested, first version not tested, needed for).
SUPPORTED = {
    'mmengine': ('0.10.0', '0.11', 'everything'),
    'mmdet': ('3.3.0', '4.0', 'detectors'),
    'mmpretrain': ('1.2.0', '2.0', 'classifiers'),
}
TASKS = ('mmdet', 'mmpretrain')


def check_host_versions() -> None:
    """Check what is installed, without importing it.

    Raises:
        ImportError: If mmengine is missing, both task packages are, or one has a
            version that is not supported.
    """
    installed = {name: _installed(name) for name in SUPPORTED}
    if installed['mmengine'] is None:
        raise ImportError(f'tskd_mm needs mmengine: {_advice("mmengine")}')
    if not any(installed[name] for name in TASKS):
        raise ImportError(
            f'tskd_mm needs mmdet for detectors ({_advice("mmdet")}) or mmpretrain for '
            f'classifiers ({_advice("mmpretrain")}), but neither is installed'
        )
    for name, found in installed.items():
        low, high, _ = SUPPORTED[name]
        if found and not Version(low) <= Version(found) < Version(high):
            raise ImportError(
                f'tskd_mm needs {name} >= {low}, < {high}, but found {found}: '
                f'{_advice(name)}'
            )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _advice(name: str) -> str:
    low, high, _ = SUPPORTED[name]
    return f'pip install "{name}>={low},<{high}"'
