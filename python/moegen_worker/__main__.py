"""`python -m moegen_worker`: started by moegen's runner."""

from .protocol import Channel
from .server import serve

serve(Channel.take_stdio())
