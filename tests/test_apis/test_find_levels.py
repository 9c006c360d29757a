"""Where models have levels."""

import pytest
from mmengine.config import ConfigDict
from refusals import refused
from tiny_detectors import tiny_detector

from tskd_mm.apis.find_levels import find_levels
from tskd_mm.models.loading.model_config import ModelSource, find_model

NOTHING = (
    '{} has no feature maps at the modules of its backbone: name modules with '
    'student_taps and teacher_taps'
)


@pytest.mark.usefixtures('mmdet_scope')
def test_a_model_that_writes_in_its_config_is_found_again():
    source = ModelSource(tiny_detector('deformable'), 'a detector')
    before = source.config.to_dict()
    found = [find_levels(source) for _ in range(2)]
    assert source.config.to_dict() == before
    assert found[0] == found[1]
    assert found[0].taps == ['neck']
    assert found[0].strides == [8, 16, 32, 64]


@pytest.mark.usefixtures('no_scope')
def test_a_retriever_has_the_levels_of_its_encoder():
    name = 'mmpretrain::arcface/resnet50-arcface_8xb32_inshop.py'
    config: ConfigDict = find_model(name, 'student').config
    config.image_encoder[0].update(depth=18, init_cfg=None)
    config.head.update(in_channels=512, num_classes=3)
    found = find_levels(ModelSource(config, name))
    assert found.strides == [2, 4, 8, 16, 32]
    assert found.taps_of([16, 32]) == [
        'image_encoder.0.layer3',
        'image_encoder.0.layer4',
    ]


@pytest.mark.usefixtures('no_scope')
def test_a_padded_image_is_no_level():
    name = 'mmpretrain::beit/benchmarks/beit-base-p16_8xb64_in1k.py'
    config: ConfigDict = find_model(name, 'student').config
    config.backbone.update(arch='deit-tiny', init_cfg=None)
    config.head.update(in_channels=192, num_classes=3)
    found = find_levels(ModelSource(config, name))
    assert (found.taps, found.strides) == (['backbone.layers.11'], [16])


@pytest.mark.usefixtures('no_scope')
def test_stages_that_hand_on_tokens_give_the_level_of_the_backbone():
    name = 'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py'
    config: ConfigDict = find_model(name, 'student').config
    arch = {'embed_dims': 12, 'depths': [2, 2, 2, 2], 'num_heads': [1, 2, 3, 4]}
    config.backbone.update(arch=arch, init_cfg=None)
    config.head.update(in_channels=96, num_classes=3)
    found = find_levels(ModelSource(config, name))
    assert (found.taps, found.strides, found.channels) == (['backbone'], [32], [96])


@pytest.mark.usefixtures('no_scope')
def test_blocks_that_hand_on_a_map_and_tokens_give_the_map():
    name = 'mmpretrain::conformer/conformer-tiny-p16_8xb128_in1k.py'
    config: ConfigDict = find_model(name, 'student').config
    arch = {'embed_dims': 24, 'channel_ratio': 1, 'num_heads': 1, 'depths': 12}
    config.backbone.arch = arch
    config.head.update(in_channels=[256, 24], num_classes=3)
    found = find_levels(ModelSource(config, name))
    assert found.strides[-2:] == [16, 32]
    assert found.taps[-1] == 'backbone.conv_trans_12.fusion_block'


@pytest.mark.usefixtures('no_scope')
def test_a_positional_encoding_is_no_level():
    name = 'mmpretrain::xcit/xcit-nano-12-p8_8xb128_in1k.py'
    config: ConfigDict = find_model(name, 'student').config
    config.backbone.update(depth=1, cls_attn_layers=1)
    config.head.update(num_classes=3)
    with refused(NOTHING.format(name)):
        find_levels(ModelSource(config, name))
