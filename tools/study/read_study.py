"""Reads the file of a study."""

from pathlib import Path

from mmengine.config import Config

from tskd_mm.apis.comparison.study import Study

ROOT = Path(__file__).resolve().parents[2]


def read_study(path: Path) -> Study:
    """Read the file of a study; configs are named from its folder.

    Raises:
        FileNotFoundError: If it or a config of a method is not there.
        ValueError: If a comparison names no method of the study.
    """
    if not path.is_file():
        raise FileNotFoundError(f'there is no study {path}')
    content = Config.fromfile(path)
    folder = path.resolve().parent
    methods = {
        name: (folder / method.config, tuple(method.get('options', ())))
        for name, method in content.methods.items()
    }
    for name, (config, _) in methods.items():
        if not config.is_file():
            raise FileNotFoundError(
                f'{path}: there is no config {config} for the method {name}'
            )
    comparisons = tuple((one, other) for one, other in content.comparisons)
    for name in {name for pair in comparisons for name in pair} - methods.keys():
        raise ValueError(
            f'{path}: comparisons must be of methods among {", ".join(methods)}, but '
            f'got {name!r}'
        )
    return Study(
        path.stem,
        ROOT,
        content.metric,
        methods,
        tuple(content.seeds),
        comparisons,
        content.get('times', 1.0),
    )
