"""Features read from inside a model, and what is made of them."""

from .attention_map import attention_map

__all__ = ['attention_map']
