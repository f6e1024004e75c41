"""What stands in the place of the model's reasons where it has none to give."""

from typing import Final

from fraudline.domain.policy import Reason

NOT_EXPLAINED: Final = "not_explained"
NO_SCORE: Final = Reason(NOT_EXPLAINED, "There is no score to explain.")
OTHER_MODEL: Final = Reason(
    NOT_EXPLAINED, "The score is from a model that no explainer had loaded at the time, so its reasons are not known."
)
OTHER_FEATURES: Final = Reason(
    NOT_EXPLAINED, "The features that were kept do not fit the model, so the reasons for the score are not known."
)
EXPLAINING_FAILED: Final = Reason(NOT_EXPLAINED, "The reasons for the score could not be computed.")
NOTHING_STANDS_OUT: Final = Reason("nothing_stands_out", "Nothing raises the score above that of an average payment.")
