"""How many entities a command remembers at most: one option, since scores agree only where the number does."""

from typing import Annotated, Any

import typer

from fraudline.kernel.registry import LEAST_ENTITIES, MOST_ENTITIES


def _option(default: str = "") -> Any:
    return typer.Option(
        envvar="FRAUDLINE_MAX_ENTITIES",
        min=LEAST_ENTITIES,
        max=MOST_ENTITIES,
        help=f"The most entities that are remembered, as in the scorer.{default}",
    )


MaxEntities = Annotated[int, _option()]
MaxEntitiesOrTheModels = Annotated[int | None, _option(" Default: as where the model was trained.")]
