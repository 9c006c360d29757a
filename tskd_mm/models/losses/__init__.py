from .attention_transfer_loss import AttentionTransferLoss
from .logit_kl_loss import LogitKLLoss

__all__ = ['AttentionTransferLoss', 'LogitKLLoss']
