// Times as their reader thinks of them: how long ago, or in the zone where they sit.

import { ago, local } from "./readable.js";

const EVERY_MS = 5_000;

/** Write all times below `root` anew; those that are short have all of the moment as their title. */
export function showTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-relative], time[data-local]")) {
    const moment = new Date(time.dateTime);
    const text = "relative" in time.dataset ? ago(moment) : local(moment, time.dataset.local);
    if (time.textContent !== text) time.textContent = text;
    if (time.dataset.local !== "full" && !time.title) time.title = local(moment);
  }
}

/** Write them now and keep them true. */
export function keepTimes() {
  showTimes();
  setInterval(() => showTimes(), EVERY_MS);
  document.addEventListener("visibilitychange", () => showTimes());
}
