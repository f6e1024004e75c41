// One row of the queue: the server's own markup, cloned, filled in by text alone.

import { ago, local, money, percent } from "./readable.js";

/** What stands first in the queue: the highest score, the newest of equals; what the model could not judge before all. */
export function compare(one, other) {
  return rankOf(other) - rankOf(one) || other.id - one.id;
}

function rankOf(alert) {
  return alert.score ?? 1;
}

/** The place of a row that stands in the page, as an alert that `compare` takes. */
export function placeOf(row) {
  return { id: Number(row.dataset.alert), score: Number(row.dataset.rank) };
}

function part(row, field) {
  return row.querySelector(`[data-field="${field}"]`);
}

/** Make the row of an alert. */
export function newRow(template, alert) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.alert = alert.id;
  row.dataset.rank = rankOf(alert);
  row.className = `row is-${alert.decision === "decline" ? "decline" : "review"}`;
  part(row, "score").textContent = alert.score === null ? "no score" : percent(alert.score);
  part(row, "bar").setAttribute("width", String((alert.score ?? 0) * 100));
  const tag = part(row, "decision");
  tag.className = `tag is-${alert.decision === "decline" ? "decline" : "review"}`;
  tag.textContent = alert.decision;
  part(row, "amount").textContent = money(alert.amount);
  part(row, "currency").textContent = alert.currency;
  part(row, "card_id").textContent = alert.card_id;
  part(row, "merchant_id").textContent = alert.merchant_id;
  const time = row.querySelector("time");
  time.dateTime = alert.accepted_at;
  time.textContent = ago(new Date(alert.accepted_at));
  time.title = local(new Date(alert.accepted_at));
  row.querySelector('[data-act="open"]').href = `/alerts/${alert.id}`;
  explain(row, alert);
  assign(row, alert.assignee);
  name(row);
  return row;
}

/** Give each control a name that says of which payment it is; every row has the same words. */
export function name(row) {
  const payment = `${part(row, "amount").textContent} ${part(row, "currency").textContent}, alert ${row.dataset.alert}`;
  for (const control of row.querySelectorAll("[data-act]")) {
    control.setAttribute("aria-label", `${control.textContent}: ${payment}`);
  }
}

export function explain(row, { reasons, reasons_status }) {
  const why = part(row, "reason");
  if (reasons.length > 0) {
    const text = document.createElement("bdi");
    // The two strongest: the first alone often says no more than the amount beside it.
    text.textContent = reasons.slice(0, 2).map((reason) => reason.text).join(" ");
    why.replaceChildren(text);
  } else {
    why.textContent = reasons_status === "pending" ? "reasons on their way" : "no single reason stands out";
  }
}

/** Take over what may have changed in a row from the same row as the server shows it now. */
export function update(row, fresh) {
  part(row, "reason").replaceChildren(...part(fresh, "reason").childNodes);
  assign(row, part(fresh, "with").hidden ? null : part(fresh, "assignee").textContent);
}

export function assign(row, assignee) {
  const take = row.querySelector('[data-act="take"]');
  if (assignee !== null && document.activeElement === take) row.querySelector('[data-act="open"]').focus();
  part(row, "assignee").textContent = assignee ?? "";
  part(row, "with").hidden = assignee === null;
  take.hidden = assignee !== null;
}

/** Put what was said in the place of what could be said; the row keeps its height until the list may move. */
export function close(row, words) {
  if (isClosed(row)) return;
  row.classList.add("is-closed");
  for (const control of row.querySelectorAll("button, a")) control.hidden = true;
  const said = part(row, "said");
  said.textContent = words;
  said.hidden = false;
  fault(row, null);
}

export function isClosed(row) {
  return row.classList.contains("is-closed");
}

/** While an answer is on its way nothing in the row can be pressed again. */
export function busy(row, isBusy) {
  row.setAttribute("aria-busy", String(isBusy));
  for (const control of row.querySelectorAll("button")) control.setAttribute("aria-disabled", String(isBusy));
}

export function fault(row, words) {
  const place = part(row, "fault");
  place.textContent = words ?? "";
  place.hidden = words === null;
}
