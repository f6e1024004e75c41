"""Whose rows a kernel can read and go on from, bit for bit: those of its own definitions, words and arithmetic."""

from functools import cache
from hashlib import sha256
from typing import NamedTuple

from fraudline.kernel import layout
from fraudline.kernel.jit import target
from fraudline.kernel.program import Program
from fraudline.kernel.registry import FEATURES, KERNEL_VERSION


class KernelIdentity(NamedTuple):
    """What has to be equal on both sides.

    Attributes:
        version: That of the features' definitions.
        words: A SHA-256 over which word of a row is what.
        target: The compiler, the processor and the mathematical library, on which all bits depend.
    """

    version: str
    words: str
    target: str


@cache
def kernel_identity() -> KernelIdentity:
    """Return that of the kernel in this process."""
    digest = sha256()
    for name, number in sorted(vars(layout).items()):
        if isinstance(number, int):
            digest.update(f"{name} {number}\n".encode())
    program = Program.of(FEATURES)
    for array in (program.kinds, program.sums, program.frauds, program.half_lives):
        digest.update(f"{array.dtype.str} {array.shape} {array.tolist()}\n".encode())
    return KernelIdentity(KERNEL_VERSION, digest.hexdigest(), target())
