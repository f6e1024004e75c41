"""All code that is compiled: `python -m fraudline.models.compiling` leaves it on the disk for those who start later."""

from fraudline.kernel.kernel import Kernel
from fraudline.models import coalitions, walk


def compile_all() -> None:
    """Load or compile the kernel and both passes over the trees."""
    Kernel()
    walk.prepare_entries()
    coalitions.prepare_entries()


if __name__ == "__main__":
    compile_all()
