# The losses of digits_heads_screen.py, with seeds that no other study has seen.
_base_ = 'digits_heads_screen.py'

seeds = [4, 5, 6, 7, 8]
