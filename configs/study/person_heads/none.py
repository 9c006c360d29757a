# The student alone.
_base_ = '../person/none.py'
