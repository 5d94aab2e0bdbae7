"""`python -m moegen_worker.cluster`: started by moegen's runner, beside `python -m moegen_worker`."""

import sys

from ..wire.protocol import Channel
from .driver import drive

sys.exit(drive(Channel.take_stdio()))
