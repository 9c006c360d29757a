# Published weights or balanced shares? The best methods of digits_heads.py, same seeds.
_base_ = 'digits_heads.py'

_names = ('none', 'pkd', 'pkd_bckd', 'pkd_bckd_share')
methods = dict(
    _delete_=True, **{name: dict(config=f'digits_heads/{name}.py') for name in _names}
)
comparisons = [('pkd_bckd_share', other) for other in _names[:3]]
