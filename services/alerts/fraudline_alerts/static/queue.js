// The queue: the open alerts, live, and what a person says of them.

import { AlertList } from "./alert_list.js";
import * as decisions from "./decisions.js";
import { Feed } from "./feed.js";
import { count } from "./readable.js";
import { busy, fault, isClosed } from "./row.js";
import { keepTimes, showTimes } from "./times.js";

// Many events in a moment are one change of the page.
const TOGETHER_MS = 50;
const HEARD_EVERY_MS = 10_000;

const queue = document.getElementById("queue");
const person = queue.dataset.person;
const element = (id) => document.getElementById(id);
let openCount = Number(queue.dataset.openCount);
let mostShown = 0;
let flowing = null;
let news = 0;

const list = new AlertList({
  list: element("rows"),
  template: element("row"),
  maxRows: Number(queue.dataset.maxRows),
  hasMore: queue.dataset.hasMore === "yes",
  isFirst: queue.dataset.isFirst === "yes",
  onChange: show,
});

const feed = new Feed({
  after: Number(queue.dataset.lastEventId),
  onEvent: (event) => {
    happened[event.kind](event);
    flowing ??= setTimeout(flow, TOGETHER_MS);
  },
  onPage: (page) => {
    const fresh = page.getElementById("queue").dataset;
    openCount = Number(fresh.openCount);
    mostShown = 0;
    list.hasMore = fresh.hasMore === "yes";
    element("more").replaceChildren(...document.adoptNode(page.getElementById("more")).children);
    const rows = document.adoptNode(page.getElementById("rows"));
    showTimes(rows);
    list.become([...rows.children]);
  },
});

const happened = {
  opened: ({ alert_id, happened_at, detail }) => {
    openCount += 1;
    news += 1;
    list.opened({ id: alert_id, opened_at: happened_at, assignee: null, ...detail });
  },
  explained: ({ alert_id, detail }) => list.explained(alert_id, detail.reasons),
  assigned: ({ alert_id, detail }) => list.assigned(alert_id, detail.assignee),
  disposed: ({ alert_id, actor, detail }) => {
    openCount -= 1;
    const words = `${actor === person ? "You" : actor} said ${detail.disposition}.`;
    if (list.disposed(alert_id, words) && actor !== person) tell(`Alert ${alert_id}: ${words}`);
  },
};

function flow() {
  flowing = null;
  list.flow();
}

function show() {
  element("open-count").textContent = count(openCount);
  element("open-word").textContent = openCount === 1 ? "open alert" : "open alerts";
  document.title = `(${openCount}) Alerts · Fraudline`;
  const words = (number) => `${number} new alert${number === 1 ? "" : "s"}`;
  element("show-waiting").hidden = list.waiting === 0;
  element("show-waiting").textContent = `${words(list.waiting)} – show`;
  element("above").hidden = list.above === 0;
  element("above").textContent = `${words(list.above)} above – go there`;
  element("empty").hidden = list.shown > 0 || list.waiting > 0 || openCount > 0;
  const next = element("next");
  if (next) next.hidden = !list.hasMore;
  if (list.hasMore && !next && list.isFirst) offerNext();
  mostShown = Math.max(mostShown, list.shown);
  // Half of the rows are gone and there are more behind them: the server knows which.
  if (list.hasMore && list.isFirst && list.shown < mostShown / 2 && !list.hold.isHeld) {
    mostShown = 0;
    feed.renew();
  }
}

/** More than one page of alerts are open by now: where the next one begins is known to the server alone. */
function offerNext() {
  const next = document.createElement("a");
  next.id = "next";
  next.rel = "next";
  next.href = "/";
  next.textContent = `The next ${list.maxRows}`;
  element("more").append(next);
  element("more").hidden = false;
}

let untold = null;
function tell(words) {
  element("notice").textContent = words;
  element("notice").hidden = false;
  clearTimeout(untold);
  untold = setTimeout(() => { element("notice").hidden = true; }, 8_000);
}

async function act(row, deed, words) {
  if (row.getAttribute("aria-busy") === "true") return;
  busy(row, true);
  fault(row, null);
  try {
    await deed();
    if (words) list.disposed(Number(row.dataset.alert), words);
  } catch (error) {
    if (!(error instanceof decisions.Refused)) throw error;
    // Another was first: their word comes over the feed, too, and this one is not lost on the person.
    if (error.status === 409) list.disposed(Number(row.dataset.alert), error.message);
    else fault(row, error.message);
  } finally {
    busy(row, false);
  }
  list.flow();
}

element("rows").addEventListener("click", (event) => {
  const control = event.target.closest("[data-act]");
  const row = control?.closest(".row");
  if (!row || isClosed(row)) return;
  if (list.hold.isSettling && event.detail > 0) {
    event.preventDefault();
    fault(row, "The list has just moved; look, and press again.");
    return;
  }
  const id = Number(row.dataset.alert);
  const deeds = {
    fraud: () => act(row, () => decisions.dispose(id, "fraud"), "You said fraud."),
    legitimate: () => act(row, () => decisions.dispose(id, "legitimate"), "You said legitimate."),
    take: () => act(row, () => decisions.assign(id, person)),
  };
  deeds[control.dataset.act]?.();
});

element("show-waiting").addEventListener("click", () => {
  list.hold.release();
  element("heading").focus();
});

element("more").addEventListener("click", async (event) => {
  if (event.target.rel !== "next" || (!list.isTrimmed && event.target.search)) return;
  // The link was made before rows left at the end: ask where the next page begins now.
  event.preventDefault();
  await feed.renew();
  if (element("next")?.search) location.assign(element("next").href);
});

setInterval(() => {
  if (news > 0) element("heard").textContent = `${news} new, ${openCount} open alerts`;
  news = 0;
}, HEARD_EVERY_MS);

// A browser has six connections for one server: a queue that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) feed.stop();
  else feed.renew();
});

keepTimes();
show();
if (!document.hidden) feed.start();
