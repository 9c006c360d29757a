# Softened logits, as in the release, and what the other losses on logits derive from.
_base_ = '../cifar10/no_review.py'
