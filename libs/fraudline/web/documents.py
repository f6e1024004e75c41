"""From a body's bytes to what it says, or to everything that is wrong with it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from fraudline.service.problem_kind import ProblemKind
from fraudline.web import strict_json
from fraudline.web.problems import FieldFault, Problem, faults_of, not_valid

Model = TypeVar("Model", bound=BaseModel)


def read_document(model: type[Model], document: bytes) -> Model:
    """Return the model that a JSON text tells of.

    Raises:
        Problem: It is no JSON, or not what the model says; all faults are in it.
    """
    faults: list[FieldFault] = []
    try:
        strict_json.read(document)
    except strict_json.NotJson as error:
        raise Problem(ProblemKind.NOT_JSON, f"The body {error.reason}.") from None
    except strict_json.Ambiguous as error:
        faults = error.faults
    try:
        read = model.model_validate_json(document)
    except ValidationError as error:
        known = {fault.field for fault in faults}
        faults += [fault for fault in faults_of(error) if fault.field not in known]
    else:
        if not faults:
            return read
    raise not_valid(faults)
