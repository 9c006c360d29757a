# The methods of digits_heads.py on persons, with seeds that the screen has not seen.
_base_ = 'digits_heads.py'

seeds = [1, 2, 3, 4, 5]
methods = {name: dict(config=f'person_heads/{name}.py') for name in _base_.methods}
