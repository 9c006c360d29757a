"""How the benchmark's seconds compare with each other."""

from statistics import median

from mmengine.config import Config

from ...engine import TSKDMemoryHook


def review_share(config: Config, hook: TSKDMemoryHook) -> float:
    """Share of review steps in the schedule of the config.

    Where the hook counts iterations and the training epochs, that of a whole cycle:
    only the data set knows how many iterations an epoch has.
    """
    end = config.train_cfg.get('max_epochs' if hook.by_epoch else 'max_iters')
    end = end or hook.schedule.interval * (hook.schedule.num_slots + 1)
    return hook.schedule.steps_in_review(0, end) / end


def ratios(turns: dict[str, list[float]], slots: int, share: float) -> dict[str, float]:
    """Each step relative to the student's and to the sum of its parts.

    Args:
        turns: Seconds of each step in each turn.
        slots: Memories.
        share: Of review steps in the schedule.

    Returns:
        Medians over the turns, of ratios within one turn.
    """
    rows = [dict(zip(turns, row)) for row in zip(*turns.values())]
    by_turn = [_ratios_of_turn(row, slots, share) for row in rows]
    ratios = {name: median(row[name] for row in by_turn) for name in by_turn[0]}
    return ratios | {'share of review steps in the schedule': share}


def _ratios_of_turn(
    seconds: dict[str, float], slots: int, share: float
) -> dict[str, float]:
    student, general = seconds['student'], seconds['TSKD, general']
    review, both = seconds['TSKD, review'], student + seconds['teacher features']
    past = slots * seconds['features of one past student']
    mean = (1 - share) * general + share * review
    measured = seconds['TSKD, general, shares measured']
    found = {
        'general / student': general / student,
        'general / (student + teacher features)': general / both,
        'shares measured / general': measured / general,
        'review / student': review / student,
        'review / general': review / general,
        'schedule / without distillation': mean / student,
        'schedule / static distillation': mean / general,
    }
    if 'predictors' in seconds:
        name = 'review / (student + teacher + past students + predictors)'
        found[name] = review / (both + past + seconds['predictors'])
    return found
