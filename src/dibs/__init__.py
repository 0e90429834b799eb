"""Dibs decides who gets which sales lead, fairly, at once, and can always say why."""

__version__ = "0.1.0"
