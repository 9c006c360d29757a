# The student alone.
_base_ = '../cifar10/none.py'
