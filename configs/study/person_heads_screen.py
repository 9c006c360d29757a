# The screen of the heads on persons, with a teacher whose head is twice as deep, which
# has to be trained before.
_base_ = 'digits_heads_screen.py'

methods = dict(
    none=dict(config='person_heads/none.py'),
    pkd=dict(config='person_heads/pkd.py'),
    bckd=dict(config='person_heads/bckd.py'),
    crosskd=dict(config='person_heads/crosskd.py'),
    pkd_bckd=dict(config='person_heads/pkd_bckd.py'),
)
