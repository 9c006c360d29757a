# The losses of person_heads_screen.py, with seeds that the screen has not seen.
_base_ = 'person_heads_screen.py'

seeds = [1, 2, 3, 4, 5]
# The best of the screen, with the review.
methods = dict(pkd_bckd_review=dict(config='person_heads/pkd_bckd_review.py'))
comparisons = [
    *_base_.comparisons,
    ('pkd_bckd_review', 'none'),
    ('pkd_bckd_review', 'pkd_bckd'),
]
