# The losses of person_heads_screen.py, with seeds that the screen has not seen.
_base_ = 'person_heads_screen.py'

seeds = [1, 2, 3, 4, 5]
