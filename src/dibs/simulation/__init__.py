"""Synthetic leads, reps and their faces, made from a seed: what the sample workspace is filled with.

Everything here is pure: no Django, no database, no clock, no environment. Time and seed are arguments; the same ones give
the same leads, for ever. Nobody in here exists: domains are reserved ones (RFC 2606), and telephone numbers are either set
aside for fiction by their country's regulator or do not exist in its numbering plan.
"""
