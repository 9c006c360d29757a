_base_ = '../../cifar/resnet20_cifar10.py'

data_preprocessor = dict(to_rgb=True)  # image files are read as BGR
