# Logits of mean 0 and standard deviation 1, with the authors' temperature and weight.
_base_ = 'kd.py'

kd = dict(standardize=True, temperature=2.0, loss_weight=9.0)
model = dict(logit_losses=dict(kl=kd))
