"""Checks the host packages that tskd_mm plugs into, of either supported stack.

Both stacks are imported by the same names; their distributions have two.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from packaging.version import Version


class Needed(NamedTuple):
    """A distribution and the versions of it that are supported.

    Attributes:
        name: Of the distribution.
        low: The lowest version.
        high: The first that is not supported.
    """

    name: str
    low: str
    high: str

    def __str__(self) -> str:
        return f'{self.name}>={self.low},<{self.high}'


# What each stack calls the packages; as in requirements/*.txt.
STACKS = {
    'upstream': {
        'mmengine': Needed('mmengine', '0.10.0', '0.11'),
        'mmdet': Needed('mmdet', '3.3.0', '4.0'),
        'mmpretrain': Needed('mmpretrain', '1.2.0', '2.0'),
        # With torch 2.6 its mmengine cannot read its own checkpoints.
        'torch': Needed('torch', '2.1', '2.6'),
    },
    'modern': {
        'mmengine': Needed('onedl-mmengine', '0.10.12', '0.11'),
        'mmdet': Needed('onedl-mmdetection', '3.5.1', '4.0'),
        'mmpretrain': Needed('onedl-mmpretrain', '1.3.6', '2.0'),
        'torch': Needed('torch', '2.6', '3.0'),
    },
}
HOSTS = ('mmengine', 'mmdet', 'mmpretrain')
TASKS = ('mmdet', 'mmpretrain')


def check_host_versions() -> None:
    """Check what is installed, without importing it.

    Raises:
        ImportError: If mmengine is missing, both task packages are, two stacks are
            mixed, or a package has a version that is not supported or that breaks one.
    """
    stack = installed_stack()
    needed = STACKS[stack]
    if not any(_installed(needed[task].name) for task in TASKS):
        raise ImportError(
            f'tskd_mm needs mmdet for detectors ({_advice(needed["mmdet"])}) or '
            f'mmpretrain for classifiers ({_advice(needed["mmpretrain"])}), but '
            'neither is installed'
        )
    _check_transformers(needed['mmpretrain'].name)
    for package in needed.values():
        found = _installed(package.name)
        if found and not Version(package.low) <= Version(found) < Version(package.high):
            raise ImportError(
                f'tskd_mm needs {package.name} >= {package.low}, < {package.high} in '
                f'the {stack} stack, but found {found}: {_advice(package)}'
            )


def _check_transformers(mmpretrain: str) -> None:
    # Without it, and with one before 5, it is imported.
    host, found = _installed(mmpretrain), _installed('transformers')
    broken = host and Version('1.3') <= Version(host) <= Version('1.3.6')
    if broken and found and Version(found) >= Version('5'):
        raise ImportError(
            f'{mmpretrain} {host} cannot be imported with transformers {found} '
            '(NoneType takes no arguments): pip install "transformers<5"'
        )


def installed_stack() -> str:
    """Name of the stack that is installed: ``'upstream'`` or ``'modern'``.

    Raises:
        ImportError: If neither is, or packages of both.
    """
    names = {stack: [needed[h].name for h in HOSTS] for stack, needed in STACKS.items()}
    found = {stack: list(filter(_installed, names[stack])) for stack in STACKS}
    if all(found.values()):
        upstream, modern = (', '.join(packages) for packages in found.values())
        raise ImportError(
            f'tskd_mm found packages of two stacks, {upstream} and {modern}, which '
            'overwrite or break each other: start a new environment with one of them'
        )
    for stack, needed in STACKS.items():
        if needed['mmengine'].name in found[stack]:
            return stack
    raise ImportError(
        'tskd_mm needs mmengine: '
        + ', or '.join(
            f'{_advice(needed["mmengine"])} with {needed["torch"]}'
            for needed in STACKS.values()
        )
    )


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _advice(package: Needed) -> str:
    return f'pip install "{package}"'
