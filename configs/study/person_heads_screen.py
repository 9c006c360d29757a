# The screen of the heads on persons, with a teacher whose head is twice as deep, which
# has to be trained before.
_base_ = 'digits_heads_screen.py'

methods = {name: dict(config=f'person_heads/{name}.py') for name in _base_.methods}
