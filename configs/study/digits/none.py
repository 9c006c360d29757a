# The student of `make demo`, which also makes the images and the teacher of this study.
_base_ = '../../demo/retinanet_student.py'
