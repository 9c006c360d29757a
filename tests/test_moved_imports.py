"""Imports of release 0.1.0 work once more, and warn with the new name."""

from importlib import import_module

import pytest
from doc_blocks import ROOT

import tskd_mm
from tskd_mm.moved_imports import MOVED_MODULES, RENAMED

SHOWN = {  # in the documentation of 0.1.0
    'engine': 'FactorRamp ReviewSchedule',
    'engine.factor_ramp': 'FactorRamp',
    'engine.hooks': 'DistillationHook LossWeightHook TSKDMemoryHook',
    'engine.schedule': 'Node ReviewSchedule',
    'engine.tskd_log_processor': 'TSKDLogProcessor',
    'models': 'TSKDDistiller TemporalReview',
    'models.attention_map': 'attention_map',
    'models.backbones.cifar_stage_net': 'CIFARStageNet',
    'models.conv_lstm': 'ConvLSTMCell',
    'models.feature_tap': 'FeatureTap Features',
    'models.frozen_teacher': 'FrozenTeacher build_teacher',
    'models.increment': 'increment increment_sequence',
    'models.increment_predictor': 'IncrementPredictor',
    'models.level_match': 'match_levels',
    'models.losses': 'FGDLoss LogitKLLoss',
    'models.model_source': 'ModelSource',
    'models.snapshot_bank': 'SnapshotBank',
    'models.student_facade': 'StudentFacade',
    'models.teacher_input': 'TeacherInput',
    'models.temporal_review': 'TemporalReview',
    'models.tskd_distiller': 'TSKDDistiller',
    'models.valid_pixels': 'masked_mean valid_pixels',
    'models.weights': 'fit load_strictly load_weights read_checkpoint unwrap',
}
NAMES = [(f'tskd_mm.{m}', name) for m, names in SHOWN.items() for name in names.split()]


@pytest.mark.parametrize('module, name', NAMES)
def test_an_import_that_was_shown_works_and_names_the_new_one(module, name, recwarn):
    old = f'{module}.{name}'
    new = RENAMED.get(old, f'{MOVED_MODULES.get(module, module)}.{name}')
    new_module, _, new_name = new.rpartition('.')
    expected = getattr(import_module(new_module), new_name)
    assert not recwarn.list
    found: dict[str, object] = {}
    exec(f'from {module} import {name}', found)
    assert found[name] is expected
    text = f'{old} is {new} since release 0.2.0; the old name will go in 0.3.0'
    assert {str(w.message) for w in recwarn} == ({text} if old != new else set())
    for warning in recwarn:
        assert warning.category is DeprecationWarning
        assert warning.filename == '<string>'  # the line that imports


def test_an_old_module_is_found_by_its_dotted_name():
    import tskd_mm.models.weights

    found = tskd_mm.models.weights.load_weights
    assert found is tskd_mm.models.loading.checkpoint.load_weights


def test_functions_keep_the_names_of_their_old_modules():
    for name in ('attention_map', 'increment'):
        import_module(f'tskd_mm.models.{name}')
        assert callable(getattr(tskd_mm.models, name))


@pytest.mark.parametrize('module', ['engine', 'models.weights'])
def test_what_was_never_there_is_still_missing(module):
    with pytest.raises(
        ImportError, match=f"^cannot import name 'x' from 'tskd_mm.{module}"
    ):
        exec(f'from tskd_mm.{module} import x')


def test_the_changelog_lists_every_moved_import():
    rows = (ROOT / 'CHANGELOG.md').read_text().partition('## 0.1.0')[0].splitlines()
    table = [
        row.strip('| ').split(' | ') for row in rows if row.startswith('| `tskd_mm.')
    ]
    moved = MOVED_MODULES | RENAMED
    assert table == [[f'`{old}`', f'`{new}`'] for old, new in moved.items()]
