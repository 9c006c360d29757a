# The student alone.
_base_ = '../../demo/retinanet_student.py'
