"""Compiles another kernel through its adapter file and reads its schedule.

Params: `adapter` (path), `slices` ([{name, devices}], of one kind), `layer` (experts, top_k, hidden,
intermediate, dtype, activation, ep, tokens, rows). One case a request.
"""

from __future__ import annotations

from typing import Any

from ..wire.errors import OpError


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Compiles one case of one adapter.

    Raises:
        OpError: "PEER_FAILED", the kernel raises; and what `compile_peer` raises.
    """
    from ..compiler import peers

    del emit
    path = str(params["adapter"])
    try:
        return peers.compile_peer(path, params["slices"], dict(params["layer"]))
    except OpError:
        raise
    except Exception as error:
        # Whatever a foreign kernel raises is an answer about that kernel.
        message = f"{type(error).__name__}: {str(error).strip()[:2000]}"
        raise OpError("PEER_FAILED", message, adapter=path) from error
