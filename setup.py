"""Packages tskd_mm with its configs and tools, where mim looks for them."""

from pathlib import Path
from shutil import copy2, copytree

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
MIM = ('configs', 'tools', 'model-index.yml')


def fill_mim(package: Path, link: bool) -> None:
    """Put what mim looks for under ``<package>/.mim``, as copies or as links."""
    target = package / '.mim'
    target.mkdir(parents=True, exist_ok=True)
    for name in MIM:
        if link:
            (target / name).unlink(missing_ok=True)
            (target / name).symlink_to(Path('..', '..', name))
        elif (ROOT / name).is_dir():
            copytree(ROOT / name, target / name, dirs_exist_ok=True)
        else:
            copy2(ROOT / name, target / name)


class BuildPy(build_py):
    """Wheels get copies; pip's editable install passes here too and gets links."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            fill_mim(ROOT / 'tskd_mm', link=True)
        else:
            fill_mim(Path(self.build_lib, 'tskd_mm'), link=False)


class Develop(develop):
    """The editable install of old versions of pip does not build."""

    def run(self) -> None:
        super().run()
        fill_mim(ROOT / 'tskd_mm', link=True)


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


about: dict[str, str] = {}
exec((ROOT / 'tskd_mm' / 'version.py').read_text(), about)

setup(
    name='tskd_mm',
    version=about['__version__'],
    description='Temporal supervised knowledge distillation for the OpenMMLab stack',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    python_requires='>=3.10',
    packages=find_packages(include=['tskd_mm', 'tskd_mm.*']),
    install_requires=requirements('runtime'),
    # The host packages come from one of two stacks, which pip cannot say: without one
    # tskd_mm tells at import what is missing.
    extras_require={
        name: requirements(name) for name in ('upstream', 'modern', 'demo')
    },
    cmdclass={'build_py': BuildPy, 'develop': Develop},
    zip_safe=False,
)
