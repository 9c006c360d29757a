"""The panel's lines on the losses in force, and on losses that a merge leaves."""

from pathlib import Path

import pytest
from mmengine.config import Config
from toys import tiny_distiller

from tskd_mm.engine.preflight.loss_lines import loss_lines

pytestmark = pytest.mark.usefixtures('mmdet_scope')
RECIPE = """\
attention = dict(type='AttentionTransferLoss', loss_weight=0.1)
model = dict(type='TSKDDistiller', feature_losses=dict(attention=attention))
"""
DERIVED = "_base_ = 'recipe.py'\nmodel = dict(feature_losses=dict(pkd=dict(PKD)))\n"
PKD = "type='PKDLoss', loss_weight=3"
ATTENTION = 'attention: AttentionTransferLoss, weight 0.1'
REVIEW = 'review: TemporalReview, weight 1 (default)'


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes configs and loads the last one."""
    monkeypatch.chdir(tmp_path)

    def write(**texts: str) -> Config:
        for name, text in texts.items():
            Path(f'{name}.py').write_text(text.replace('PKD)', f'{PKD})', 1))
        return Config.fromfile(f'{name}.py')

    return write


def panel(config: Config) -> tuple[list[str], list[str]]:
    arguments = {k: v for k, v in config.get('model', {}).items() if k != 'type'}
    model = tiny_distiller(**arguments)
    lines, warnings = zip(*loss_lines(config, model))
    return [*filter(None, lines)], [*filter(None, warnings)]


def test_what_is_not_set_is_the_default():
    expected = ['pkd: PKDLoss, weight 10 (default)', REVIEW]
    assert panel(Config({'model': {}})) == (expected, [])


def test_a_merge_with_a_recipe_is_seen(written):
    """The trap: PKD was meant in place of attention transfer."""
    config = written(recipe=RECIPE, mine=DERIVED)
    pkd = 'pkd: PKDLoss, weight 3 (mine.py)'
    assert panel(config) == (
        [f'{ATTENTION} (recipe.py)', pkd, REVIEW],
        [
            'feature_losses of several configs act together, attention (recipe.py), '
            'pkd (mine.py), because a config is merged with its base: to replace those '
            'of the base write feature_losses=dict(_delete_=True, ...)'
        ],
    )
    text = DERIVED.replace('losses=dict(', 'losses=dict(_delete_=True, ')
    assert panel(written(mine=text)) == ([pkd, REVIEW], [])


def test_a_changed_weight_and_losses_that_are_all_named_are_no_trap(written):
    text = DERIVED.replace('pkd=dict(PKD)', 'attention=dict(loss_weight=2.0)')
    [line, _], warnings = panel(written(recipe=RECIPE, mine=text))
    assert line == 'attention: AttentionTransferLoss, weight 2 (mine.py)'
    assert warnings == []
    text = DERIVED.replace('pkd=', 'attention=dict(loss_weight=2.0), pkd=')
    assert panel(written(mine=text))[1] == []


def test_other_ways_to_write_them(written):
    texts = (
        "_base_ = 'recipe.py'\npkd = dict(PKD)\n"
        'model = {"feature_losses": {"pkd": pkd}, "review": {"loss_weight": 5.0}}\n',
        "_base_ = 'recipe.py'\nfeature_losses = dict(pkd=dict(PKD))\n"
        'model = dict(feature_losses=feature_losses, review=dict(loss_weight=5.0))\n',
    )
    for text in texts:
        lines, warnings = panel(written(recipe=RECIPE, mine=text))
        assert lines[1] == 'pkd: PKDLoss, weight 3 (mine.py)'
        assert lines[2] == 'review: TemporalReview, weight 5 (mine.py)'
        assert len(warnings) == 1


def test_what_no_file_names_is_from_elsewhere_and_hooks_name_but_set_none(written):
    hook = (
        "dict(type='LossWeightHook', factors=dict(review=dict(shape='stop'), pkd=[]))"
    )
    config = written(mine=f'{RECIPE}custom_hooks = [{hook}]\n')
    config.merge_from_dict({'model.feature_losses.pkd.type': 'PKDLoss'})
    config.merge_from_dict({'model.review.loss_weight': 5.0})
    lines, warnings = panel(config)
    assert lines[1:] == [
        'pkd: PKDLoss, weight 10 (from --cfg-options or code)',
        'review: TemporalReview, weight 5 (from --cfg-options or code)',
    ]
    assert warnings == []


def test_all_weights_of_a_loss_its_share_and_its_factor():
    model = tiny_distiller(
        feature_losses=dict(fgd=dict(type='FGDLoss')),
        head_losses=dict(bckd=dict(type='BCKDLoss')),
        review=None,
    )
    model.balance.shares = {'bckd_cls': 0.5}
    model.loss_factors = {'fgd': 0.0}
    assert [line for line, _ in loss_lines(Config({'model': {}}), model)] == [
        'fgd: FGDLoss, foreground weight 0.001, background weight 0.0005, '
        'attention weight 0.0005, relation weight 5e-06, at first times 0 (default)',
        'bckd: BCKDLoss, cls weight 1, box weight 4, share 0.5 of the '
        "task's gradient (default)",
    ]
