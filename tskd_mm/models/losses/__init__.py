from .attention_transfer_loss import AttentionTransferLoss
from .bckd_loss import BCKDLoss
from .crosskd_loss import CrossKDLoss
from .cwd_loss import CWDLoss
from .dist_loss import DISTLoss
from .dkd_loss import DKDLoss
from .fgd_loss import FGDLoss
from .fitnet_loss import FitNetLoss
from .ld_loss import LDLoss
from .logit_kl_loss import LogitKLLoss
from .mgd_loss import MGDLoss
from .multi_label_kl_loss import MultiLabelKLLoss
from .pkd_loss import PKDLoss
from .query_kd_loss import QueryKDLoss
from .reviewkd_loss import ReviewKDLoss
from .roi_head_kd_loss import RoIHeadKDLoss
from .score_weighted_l2_loss import ScoreWeightedL2Loss

__all__ = [
    'AttentionTransferLoss',
    'BCKDLoss',
    'CrossKDLoss',
    'LDLoss',
    'ScoreWeightedL2Loss',
    'CWDLoss',
    'DISTLoss',
    'DKDLoss',
    'FGDLoss',
    'FitNetLoss',
    'LogitKLLoss',
    'MGDLoss',
    'MultiLabelKLLoss',
    'PKDLoss',
    'QueryKDLoss',
    'ReviewKDLoss',
    'RoIHeadKDLoss',
]
