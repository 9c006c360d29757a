"""Test a student. Same flags as the test.py of mmdet and mmpretrain."""

from host_tool import run_host_tool

if __name__ == '__main__':
    run_host_tool('test.py')
