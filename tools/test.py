"""Test a student. Same flags as the test.py of mmdet and mmpretrain."""

from tskd_mm.apis.delegate_to_host import delegate_to_host

if __name__ == '__main__':
    delegate_to_host('test.py')
