"""Imports that release 0.1.0 documented: they work, and warn with the new name."""

import sys
import warnings
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

MOVED_MODULES = {
    'tskd_mm.engine.factor_ramp': 'tskd_mm.engine.schedule.weight_points',
    'tskd_mm.models.attention_map': 'tskd_mm.models.features.attention_map',
    'tskd_mm.models.conv_lstm': 'tskd_mm.models.review.conv_lstm',
    'tskd_mm.models.feature_tap': 'tskd_mm.models.features.feature_tap',
    'tskd_mm.models.frozen_teacher': 'tskd_mm.models.teacher.frozen_teacher',
    'tskd_mm.models.increment': 'tskd_mm.models.review.temporal_review',
    'tskd_mm.models.increment_predictor': 'tskd_mm.models.review.increment_predictor',
    'tskd_mm.models.level_match': 'tskd_mm.models.features.level_match',
    'tskd_mm.models.model_source': 'tskd_mm.models.loading.model_config',
    'tskd_mm.models.snapshot_bank': 'tskd_mm.models.review.snapshot_bank',
    'tskd_mm.models.student_facade': 'tskd_mm.models.distillers.plain_student',
    'tskd_mm.models.teacher_input': 'tskd_mm.models.teacher.teacher_input',
    'tskd_mm.models.temporal_review': 'tskd_mm.models.review.temporal_review',
    'tskd_mm.models.tskd_distiller': 'tskd_mm.models.distillers.tskd_distiller',
    'tskd_mm.models.valid_pixels': 'tskd_mm.models.features.padding',
    'tskd_mm.models.weights': 'tskd_mm.models.loading.checkpoint',
}
RENAMED = {
    'tskd_mm.engine.FactorRamp': 'tskd_mm.engine.WeightPoints',
    'tskd_mm.engine.factor_ramp.FactorRamp': 'tskd_mm.engine.WeightPoints',
    'tskd_mm.models.frozen_teacher.build_teacher': (
        'tskd_mm.models.teacher.build_teacher.build_teacher'
    ),
    'tskd_mm.models.student_facade.StudentFacade': (
        'tskd_mm.models.distillers.plain_student.PlainStudent'
    ),
    'tskd_mm.models.weights.fit': 'tskd_mm.models.loading.strict_loading.fit',
    'tskd_mm.models.weights.load_strictly': (
        'tskd_mm.models.loading.strict_loading.load_strictly'
    ),
}


def keep_moved_imports() -> None:
    """Make the imports of both tables work. What a package has already stays."""
    for old in MOVED_MODULES:
        parent, _, name = old.rpartition('.')
        sys.modules[old] = ModuleType(old)
        vars(sys.modules[parent]).setdefault(name, sys.modules[old])
    for module in (*MOVED_MODULES, 'tskd_mm.engine'):
        vars(sys.modules[module])['__getattr__'] = partial(_find, module)


def _find(module: str, name: str) -> Any:
    old, home = f'{module}.{name}', MOVED_MODULES.get(module)
    new = RENAMED.get(old) or (home and f'{home}.{name}')
    if new is None or name.startswith('__'):
        raise AttributeError(f'module {module!r} has no attribute {name!r}')
    new_module, _, new_name = new.rpartition('.')
    found = getattr(import_module(new_module), new_name)
    text = f'{old} is {new} since release 0.2.0; the old name will go in 0.3.0'
    warnings.warn(text, DeprecationWarning, stacklevel=2)
    return found
