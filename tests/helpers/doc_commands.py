"""How each command of the README and the docs is checked."""

import re

# The first line that fits decides. A tool that is tested is run there on small files;
# of every command test_doc_blocks.py looks up the files, flags and keys of a config.
LAUNCHED, TESTED, PARSED = 'launched by a stub', 'tested', 'parsed'
WAYS = [
    (r'tools/(dist|slurm)_(train|test)\.sh ', LAUNCHED, 'needs GPUs'),
    (r'^sed s.* my_\w+\.py > my_teacher\.py$', PARSED, 'of the shell'),
    (r'^python tools/make_config\.py ', TESTED, 'test_make_config.py'),
    (r'python tools/check\.py my_', TESTED, 'test_check.py'),
    (r'/own\.pth|my_ema_config', TESTED, 'test_average_checkpoints.py'),
    (r'python tools/(train|test)\.py my_', TESTED, 'test_readme.py'),
    (r'average_checkpoints\.py my_', TESTED, 'test_average_checkpoints.py'),
    (r'plot\.py ', TESTED, 'test_plot.py'),
    (r'plot_attention\.py ', TESTED, 'test_plot_attention.py'),
    (r'tools/compare\.py ', TESTED, 'test_compare.py'),
    (r'^mim run mmdet publish_model ', TESTED, 'test_readme.py'),
    (r'student_to_onnx\.py ', TESTED, 'test_student_to_onnx.py'),
    (r'^python docs/wrap_a_detector\.py$', TESTED, 'test_doc_blocks.py'),
    (r'npz_to_folders\.py ', TESTED, 'test_npz_to_folders.py'),
    (r'cifar_to_mmpretrain\.py ', TESTED, 'test_cifar_to_mmpretrain.py'),
    (r'review_gradients ', TESTED, 'test_review_gradients.py'),
    (r'crash_test\.py ', TESTED, 'test_crash_safe.py'),
    (r'python -m tools\.study ', PARSED, 'takes hours; test_study_main.py runs it'),
    (r'^python tools/(train|test)\.py (configs/|r101\.py)', PARSED, 'needs a data set'),
    (
        r'tools/analysis_tools/(benchmark|loss_cost|reference_arithmetic)',
        PARSED,
        'long',
    ),
    (r'^make (env|demo|test|docs)\b|^\w+=.* make env$', PARSED, 'long; the target is'),
    (r'^\.venv-modern/|^OMP_NUM_THREADS=1 \$stack/', PARSED, 'needs both stacks'),
    (
        r'^(git clone|pip install|source|export|for|done|SMALL=)\b',
        PARSED,
        'of the shell',
    ),
]


def way_of(words: list[str]) -> tuple[str, str]:
    """How a command is checked, and in which test or why not by running it.

    Raises:
        LookupError: If no way is known.
    """
    line = ' '.join(words)
    for pattern, way, remark in WAYS:
        if re.search(pattern, line):
            return way, remark
    raise LookupError(
        f'no way to check the command {line!r}: add one to WAYS in {__file__}'
    )
