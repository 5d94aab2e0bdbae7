"""Who am I: versions and machine, without loading JAX and without touching a TPU."""

from __future__ import annotations

import glob
import os
import platform
from importlib import metadata
from typing import Any

from ..wire.protocol import PROTOCOL


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tpu_present() -> bool:
    """Device files of TPUs; loading libtpu instead would take the TPU from whoever uses it."""
    if glob.glob("/dev/accel[0-9]*"):
        return True
    # From v5e on, TPUs are VFIO devices; Google's PCI vendor id tells them from others.
    if not glob.glob("/dev/vfio/[0-9]*"):
        return False
    for vendor in glob.glob("/sys/bus/pci/devices/*/vendor"):
        try:
            with open(vendor, encoding="ascii") as file:
                if file.read().strip() == "0x1ae0":
                    return True
        except OSError:
            continue
    return False


def run(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Versions (null: not installed), cores, and whether there is a TPU."""
    del params, emit
    return {
        "protocol": PROTOCOL,
        "pid": os.getpid(),
        "python": platform.python_version(),
        "jax": _version("jax"),
        "jaxlib": _version("jaxlib"),
        "libtpu": _version("libtpu"),
        "numpy": _version("numpy"),
        "ray": _version("ray"),
        "cores": _cores(),
        "tpu": tpu_present(),
    }
