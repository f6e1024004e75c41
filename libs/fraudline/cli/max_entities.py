"""How many entities a command remembers at most: one option, since scores agree only where the number does."""

from typing import Annotated

import typer

from fraudline.kernel.registry import LEAST_ENTITIES, MOST_ENTITIES

MaxEntities = Annotated[
    int,
    typer.Option(
        envvar="FRAUDLINE_MAX_ENTITIES",
        min=LEAST_ENTITIES,
        max=MOST_ENTITIES,
        help="The most entities that are remembered, as in the scorer.",
    ),
]
