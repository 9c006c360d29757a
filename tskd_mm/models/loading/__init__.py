"""Configs and weights of models, from wherever the user names them."""

from .model_config import find_model

__all__ = ['find_model']
