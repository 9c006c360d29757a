"""A tiny detector of every family of dense heads, from the host's own configs."""

from pathlib import Path

from mmengine.config import Config, ConfigDict

# A config of the host for each family, and what its bbox_head is called.
FAMILIES = {
    'RetinaNet': 'retinanet/retinanet_r50_fpn_1x_coco.py',
    'ATSS': 'atss/atss_r50_fpn_1x_coco.py',
    'PAA': 'paa/paa_r50_fpn_1x_coco.py',
    'GFL': 'gfl/gfl_r50_fpn_1x_coco.py',
    'FCOS': 'fcos/fcos_r50-caffe_fpn_gn-head-center-normbbox-'
    'centeronreg-giou_1x_coco.py',
    'VFNet': 'vfnet/vfnet_r50_fpn_1x_coco.py',
    'TOOD': 'tood/tood_r50_fpn_1x_coco.py',
    'RTMDet': 'rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
    'YOLOX': 'yolox/yolox_tiny_8xb8-300e_coco.py',
}
WIDTH = 32  # of neck and head: a multiple of the groups of their norms
CLASSES = 3


def dense_detector(family: str, classes: int = CLASSES) -> ConfigDict:
    """mmdet's detector of a family with few channels and no pretrained weights."""
    import mmdet

    folder = Path(mmdet.__file__).parent / '.mim' / 'configs'
    config = Config.fromfile(str(folder / FAMILIES[family]))
    model = config.model
    model.bbox_head.num_classes = classes
    if family in ('RTMDet', 'YOLOX'):
        model.backbone.update(deepen_factor=0.1, widen_factor=0.125)
        channels = [32, 64, 128]
        model.neck.update(in_channels=channels, out_channels=WIDTH, num_csp_blocks=1)
    else:
        model.backbone.update(depth=18, base_channels=8)
        model.neck.update(in_channels=[8, 16, 32, 64], out_channels=WIDTH)
    model.backbone.init_cfg = None
    model.bbox_head.update(in_channels=WIDTH, feat_channels=WIDTH)
    if family == 'YOLOX':
        model.data_preprocessor.batch_augments = None
    return model
