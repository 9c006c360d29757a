from .attention_figure import draw_attention
from .attention_maps import AttentionMaps, attention_maps
from .figure_image import figure_image
from .phase_shading import shade_phases
from .timeline_figure import draw_timeline

__all__ = [
    'AttentionMaps',
    'attention_maps',
    'draw_attention',
    'draw_timeline',
    'figure_image',
    'shade_phases',
]
