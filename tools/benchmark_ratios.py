"""How the benchmark's seconds compare with each other."""

from statistics import median

from mmengine.config import Config

from tskd_mm.engine import TSKDMemoryHook


def review_share(config: Config, hook: TSKDMemoryHook) -> float:
    """Review steps of all in the schedule of the config.

    Where the hook counts iterations and the training epochs, those of a whole cycle:
    how many iterations an epoch has the data set knows.
    """
    end = config.train_cfg.get('max_epochs' if hook.by_epoch else 'max_iters')
    end = end or hook.schedule.interval * (hook.schedule.num_slots + 1)
    return hook.schedule.steps_in_review(0, end) / end


def ratios(turns: dict[str, list[float]], slots: int, share: float) -> dict[str, float]:
    """Each step against the student's and the sum of its parts, medians over turns."""
    rows = [dict(zip(turns, row)) for row in zip(*turns.values())]
    by_turn = [_ratios_of_turn(row, slots, share) for row in rows]
    ratios = {name: median(row[name] for row in by_turn) for name in by_turn[0]}
    return ratios | {'share of review steps in the schedule': share}


def _ratios_of_turn(
    seconds: dict[str, float], slots: int, share: float
) -> dict[str, float]:
    student, general = seconds['student'], seconds['TSKD, general']
    review, beside = seconds['TSKD, review'], student + seconds['teacher features']
    past = slots * seconds['features of one past student']
    mean = (1 - share) * general + share * review
    ratios = {
        'general / student': general / student,
        'general / (student + teacher features)': general / beside,
        'review / student': review / student,
        'review / general': review / general,
        'review / (student + teacher + past students + predictors)': review
        / (beside + past + seconds['predictors']),
        'schedule / without distillation': mean / student,
        'schedule / static distillation': mean / general,
    }
    if 'reference, review' in seconds:
        predictors = seconds['reference, predictors'] / seconds['predictors']
        ratios['reference review / review'] = seconds['reference, review'] / review
        ratios['reference predictors / predictors'] = predictors
    return ratios
