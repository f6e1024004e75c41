"""Which of the days that a model judges it knows already: its figures over these promise more than production keeps."""

from datetime import UTC, date, datetime, time

from fraudline.models.manifest import Manifest


def known_already(manifest: Manifest, first: date, last: date) -> list[tuple[str, str]]:
    """Return what flatters the model on the days from `first` until `last`, each as a heading and a sentence.

    None from the day on at which all labels that it learned from were known: `label delay + 1` days after the last day
    of its training.
    """
    data, told = manifest.data, []
    learned = (data.training, data.early_stopping, data.calibration, manifest.growth.grown_on)
    begin, end = min(days.first for days in learned), max(days.last for days in learned)
    if first <= end and last >= begin:
        told.append(("learned from", f"{begin} to {end}: figures over these days flatter"))
    known = data.labels_known_until
    if datetime.combine(first, time(), UTC) < known:
        told.append(("labels learned", f"became known until {known:%Y-%m-%d %H:%M} UTC; judge from then on"))
    return told
