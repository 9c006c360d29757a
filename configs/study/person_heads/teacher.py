# The student with a head twice as deep, and as wide, because CrossKD needs that.
_base_ = 'none.py'

model = dict(bbox_head=dict(stacked_convs=4))
