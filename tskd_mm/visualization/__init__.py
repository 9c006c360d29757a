from .review_figure import ReviewedImage, draw_reviews, review_image
from .timeline_figure import draw_timeline, shade_phases

__all__ = [
    'ReviewedImage',
    'draw_reviews',
    'draw_timeline',
    'review_image',
    'shade_phases',
]
