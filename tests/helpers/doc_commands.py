"""How each shell command of the README and the docs is checked."""

import re

# Of every command test_doc_blocks.py looks up the files, flags and keys of a config.
# Those of RUN and STUBBED are typed by test_doc_pages.py in their order.
RUN, STUBBED, PARSED = 'run', 'run with a stub', 'parsed'
# The first that is found in a command decides.
WAYS = [
    (r'tools/(dist|slurm)_(train|test)\.sh ', STUBBED, 'several GPUs, or Slurm'),
    (r'^torchrun ', STUBBED, 'an idle machine'),
    (
        r'^git clone |make env\b|^source |^pip install ',
        PARSED,
        'an environment of their own',
    ),
    (r'^make (demo|test)\b', PARSED, 'a run of their own'),
    (r'\.venv-modern', PARSED, 'both stacks'),
    (r'student_to_onnx\.py ', PARSED, 'MMDeploy'),
    (r'python -m tools\.study ', PARSED, 'hours'),
    (r'tools/train\.py .*_cifar100\.py', PARSED, 'the whole of CIFAR-100'),
    (r' --amp ', PARSED, 'a GPU'),
    (r'^([A-Z_]+=\S+ )?python |^mim run |^sed ', RUN, ''),
    (r'^(export \w+=|SMALL=|for depth in )', RUN, ''),
]


def way_of(command: str) -> tuple[str, str]:
    """How a command is checked, and what it would need to be run.

    Raises:
        LookupError: If no way is known.
    """
    for pattern, way, why in WAYS:
        if re.search(pattern, command, re.M):
            return way, why
    raise LookupError(
        f'no way to check the command {command!r}: add one to WAYS in {__file__}'
    )
