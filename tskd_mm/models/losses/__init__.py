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
from .reviewkd_loss import ReviewKDLoss
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
    'ReviewKDLoss',
]
