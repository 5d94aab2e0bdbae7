"""`python -m moegen_worker`: started by moegen's runner."""

from .server import serve
from .wire.protocol import Channel

serve(Channel.take_stdio())
