"""Simulated devices that take turns: JAX's interpreter under a schedule that a seed decides.

The interpreter runs each device in a thread of its own, gives it fresh memory for every call and
holds all of them together at the end of a call. Hardware does neither. Here devices go on from
call to call without each other, semaphores and memory keep their places, what a call leaves behind
is no longer its own, and a seed decides who runs and when each copy reads and writes.
"""
