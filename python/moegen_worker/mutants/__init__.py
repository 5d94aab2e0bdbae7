"""Kernels with one fault in their synchronisation each, made from a generated package and its plan.

Every place that starts, awaits, signals, guards or indexes a copy is found in the package's source
and tied to the plan; each is then dropped, duplicated, moved or swapped with its neighbour. What is
the same program again, by a rule of `rules.py`, is not made.
"""
