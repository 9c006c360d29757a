from .attention_transfer_loss import AttentionTransferLoss
from .cwd_loss import CWDLoss
from .dkd_loss import DKDLoss
from .fgd_loss import FGDLoss
from .fitnet_loss import FitNetLoss
from .logit_kl_loss import LogitKLLoss
from .mgd_loss import MGDLoss
from .pkd_loss import PKDLoss
from .reviewkd_loss import ReviewKDLoss

__all__ = [
    'AttentionTransferLoss',
    'CWDLoss',
    'DKDLoss',
    'FGDLoss',
    'FitNetLoss',
    'LogitKLLoss',
    'MGDLoss',
    'PKDLoss',
    'ReviewKDLoss',
]
