"""The types that ingest holds fields to, for whole columns."""

from types import GenericAlias
from typing import Annotated, Any

from pydantic import FailFast, TypeAdapter

from fraudline.domain.posted import PostedTransaction


def values_of(name: str) -> TypeAdapter[list[Any]]:
    """Return what takes values of a field, and stops at the first that ingest would not take."""
    field = PostedTransaction.model_fields[name]
    value: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    values: Any = Annotated[GenericAlias(list, (value,)), FailFast()]
    return TypeAdapter(values)
