"""The judgement of Dibs: given facts, a policy, a moment and a seed, what should happen, and why.

Everything here is pure: no Django, no database, no clock, no environment, no randomness of its own. Time and seed are
arguments; answers are frozen values that carry their reasons. The same input gives the same answer, for ever.
"""
