"""Workers on the nodes of a Ray cluster: the lines of the protocol, there and back.

Ray places, starts and counts; what a worker does, and when one is given up, is no matter of this room.
"""
