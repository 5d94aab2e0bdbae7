"""What a kernel calls its semaphores, of which the interpreter knows numbers alone."""

from __future__ import annotations


class Semaphores:
    """The arrays of semaphores of one kernel, in the order in which it declares them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """`names`: of all the kernel's references; its semaphores are the last of them."""
        self._names = names
        self._counts: dict[int, int] = {}

    def numbered(self, first: int, count: int) -> None:
        """Semaphores `first`, ... are an array: every device and every call has the same numbers."""
        self._counts[first] = count

    def name(self, semaphore: int) -> str:
        """As the kernel calls it: `name[index]`, or `barrier`, which it does not declare."""
        for index, first in enumerate(sorted(self._counts)):
            if first <= semaphore < first + self._counts[first]:
                place = len(self._names) - len(self._counts) + index
                name = self._names[place] if place >= 0 else str(index)
                return f"{name}[{semaphore - first}]"
        return "barrier"
