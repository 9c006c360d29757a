# PKD on all levels, from a teacher with a deeper head, which has to be trained before.
_base_ = '../person/pkd.py'

model = dict(
    teacher='{{ fileDirname }}/teacher.py',
    teacher_checkpoint='work_dirs/person_teacher/epoch_48.pth',
    strides=None,
)
