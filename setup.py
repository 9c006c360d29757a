"""Packages tskd_mm with its configs and tools, where mim looks for them."""

from pathlib import Path
from shutil import copy2

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
MIM = ('configs', 'tools', 'model-index.yml')
# What users run. Demo, studies and checks of the project itself stay in the project.
IN_WHEELS = (
    'configs/_base_/**/*',
    'configs/baselines/**/*',
    'configs/cifar/**/*',
    'configs/demo/**/*',  # their models are those of some baselines
    'configs/tskd/**/*',
    'tools/[!_]*.py',
    'tools/*.sh',
    'tools/analysis_tools/benchmark.py',
    'tools/analysis_tools/plot.py',
    'tools/analysis_tools/plot_attention.py',
    'tools/dataset_converters/*.py',
    'tools/model_converters/*.py',
    'model-index.yml',
)


def link_mim(package: Path) -> None:
    """Link what mim looks for under ``<package>/.mim`` to the project's own."""
    target = package / '.mim'
    target.mkdir(parents=True, exist_ok=True)
    for name in MIM:
        (target / name).unlink(missing_ok=True)
        (target / name).symlink_to(Path('..', '..', name))


def copy_mim(package: Path) -> None:
    """Copy what users need under ``<package>/.mim``."""
    for pattern in IN_WHEELS:
        for file in ROOT.glob(pattern):
            if file.is_file() and file.suffix != '.pyc':
                target = package / '.mim' / file.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                copy2(file, target)


class BuildPy(build_py):
    """Wheels get copies; pip's editable install passes here too and gets links."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            link_mim(ROOT / 'tskd_mm')
        else:
            copy_mim(Path(self.build_lib, 'tskd_mm'))


class Develop(develop):
    """The editable install of old versions of pip does not build."""

    def run(self) -> None:
        super().run()
        link_mim(ROOT / 'tskd_mm')


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
