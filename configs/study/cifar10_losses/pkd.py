# PKD on the outputs of three stages, and what the other losses on levels derive from.
_base_ = '../cifar10/pkd.py'
