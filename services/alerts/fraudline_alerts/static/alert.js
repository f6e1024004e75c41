// One alert: what happens to it appears by itself, and what a person says of it.

import * as decisions from "./decisions.js";
import { Feed } from "./feed.js";
import { keepTimes, showTimes } from "./times.js";

const alert = document.getElementById("alert");
const id = Number(alert.dataset.alert);
const person = alert.dataset.person;
const element = (name) => document.getElementById(name);

const feed = new Feed({
  after: Number(alert.dataset.lastEventId),
  onEvent: (event) => {
    if (event.alert_id !== id) return;
    if (event.kind === "disposed" && event.actor !== person) {
      element("fault").hidden = true;
      tell(`${event.actor} said ${event.detail.disposition} while this page was open.`);
    }
    // What stands where is the server's to say; this page takes its regions from there.
    feed.refresh();
  },
  onPage: (page) => {
    for (const region of document.querySelectorAll("[data-region]")) {
      const fresh = page.querySelector(`[data-region="${region.dataset.region}"]`);
      if (fresh && !isSame(region, fresh)) replace(region, document.adoptNode(fresh));
    }
    showTimes();
  },
});

/** The form stays as it is, with what was written into it, as long as there is something to decide. */
function isSame(region, fresh) {
  return region.dataset.region === "decide" && region.dataset.state === fresh.dataset.state;
}

function replace(region, fresh) {
  const hadFocus = region.contains(document.activeElement);
  const focused = document.activeElement?.id;
  const unsent = region.querySelector("#note")?.value ?? "";
  region.replaceWith(fresh);
  if (unsent !== "" && !isSaved) keepUnsent(fresh, unsent);
  if (!hadFocus) return;
  const heading = fresh.querySelector("h2");
  heading.tabIndex = -1;
  ((focused && element(focused)) || heading).focus();
}

/** A note that came too late is still the person's own: it stays where it can be copied. */
function keepUnsent(region, note) {
  const label = document.createElement("label");
  label.textContent = "Your note, which was not sent";
  const kept = document.createElement("textarea");
  kept.readOnly = true;
  kept.rows = 3;
  kept.value = note;
  label.append(kept);
  region.append(label);
}

let isSaved = false;
let isBusy = false;

async function act(deed) {
  if (isBusy) return;
  isBusy = true;
  element("fault").hidden = true;
  try {
    await deed();
  } catch (error) {
    if (!(error instanceof decisions.Refused)) throw error;
    element("fault").textContent = error.message;
    element("fault").hidden = false;
    if (error.status !== 409) return;
  } finally {
    isBusy = false;
  }
  await feed.refresh();
}

function tell(words) {
  element("notice").textContent = words;
  element("notice").hidden = false;
}

alert.addEventListener("submit", (event) => {
  event.preventDefault();
  const disposition = event.submitter?.value;
  if (!disposition) return;
  act(async () => {
    await decisions.dispose(id, disposition, element("note").value || null);
    isSaved = true;
  });
});

alert.addEventListener("click", (event) => {
  const button = event.target.closest("#assign");
  if (button) act(() => decisions.assign(id, button.dataset.assignee || null));
});

alert.addEventListener("input", (event) => {
  if (event.target.id !== "note") return;
  const length = element("note-length");
  const left = Number(length.dataset.max) - [...event.target.value].length;
  length.textContent = left < 0 ? `${-left} characters too many` : `${left.toLocaleString("en")} characters left`;
  length.classList.toggle("is-over", left < 0);
});

// A browser has six connections for one server: an alert that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) feed.stop();
  else feed.renew();
});

keepTimes();
if (!document.hidden) feed.start();
