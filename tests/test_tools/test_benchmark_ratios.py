"""Steps against the sum of their parts."""

from benchmark_ratios import ratios


def test_ratios_are_taken_turn_by_turn():
    """A turn in which the machine was slow does not matter."""
    parts = (
        'student',
        'teacher features',
        'features of one past student',
        'predictors',
    )
    seconds = {'TSKD, general': 3.0, 'TSKD, review': 9.0, **dict.fromkeys(parts, 1.0)}
    turns = {name: [value, 50 * value, value / 2] for name, value in seconds.items()}
    found = ratios(turns, slots=3, share=0.25)
    assert found == {
        'general / student': 3,
        'general / (student + teacher features)': 1.5,
        'review / student': 9,
        'review / general': 3,
        'review / (student + teacher + past students + predictors)': 1.5,
        'schedule / without distillation': 4.5,
        'schedule / static distillation': 1.5,
        'share of review steps in the schedule': 0.25,
    }
