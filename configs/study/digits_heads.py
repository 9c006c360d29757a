# The losses of digits_heads_screen.py, with seeds that no other study has seen.
_base_ = 'digits_heads_screen.py'

seeds = [4, 5, 6, 7, 8]
# The best of the screen, with the review.
methods = dict(pkd_bckd_review=dict(config='digits_heads/pkd_bckd_review.py'))
comparisons = [
    *_base_.comparisons,
    ('pkd_bckd_review', 'none'),
    ('pkd_bckd_review', 'pkd_bckd'),
]
