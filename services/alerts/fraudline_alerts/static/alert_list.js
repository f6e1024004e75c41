// The open alerts on the page, in their order: what is new enters, what is closed leaves, when nobody's hand is there.

import { Hold } from "./hold.js";
import { assign, close, compare, explain, isClosed, name, newRow, placeOf, update } from "./row.js";

export class AlertList {
  // Both hold rows by the ids of their alerts: what is to enter, and what stands on the page.
  #waiting = new Map();
  #rows = new Map();
  // Rows that the server itself has put on this page.
  #placed = new WeakSet();
  #isTrimmed = false;

  /** `onChange` is called whenever what is shown or what waits has changed. */
  constructor({ list, template, maxRows, hasMore, isFirst, onChange }) {
    Object.assign(this, { list, template, maxRows, hasMore, isFirst, onChange });
    this.above = 0;
    for (const row of list.children) {
      this.#rows.set(Number(row.dataset.alert), row);
      name(row);
    }
    this.hold = new Hold(list, () => this.settle());
  }

  /** How many new alerts wait to be shown. */
  get waiting() {
    return this.#waiting.size;
  }

  /** How many open alerts are shown. */
  get shown() {
    let shown = 0;
    for (const row of this.#rows.values()) shown += isClosed(row) ? 0 : 1;
    return shown;
  }

  /** Whether rows have left at the end that the link to the next page would pass over. */
  get isTrimmed() {
    return this.#isTrimmed;
  }

  opened(alert) {
    if (!this.#find(alert.id)) this.#waiting.set(alert.id, newRow(this.template, alert));
  }

  explained(id, reasons) {
    const row = this.#find(id);
    if (row) explain(row, { reasons, reasons_status: "ready" });
  }

  assigned(id, assignee) {
    const row = this.#find(id);
    if (row) assign(row, assignee);
  }

  /** Show in a row what was said of it; it leaves when the list may move. Returns whether it was open here. */
  disposed(id, words) {
    this.#waiting.delete(id);
    const row = this.#rows.get(id);
    if (!row || isClosed(row)) return false;
    const hadFocus = row.contains(document.activeElement);
    close(row, words);
    if (hadFocus) (this.#openAfter(row)?.querySelector('[data-act="open"]') ?? row).focus();
    return true;
  }

  /** Let the list move if nobody's hand is in it. */
  flow() {
    if (!this.hold.isHeld) this.settle();
    else this.onChange();
  }

  /** Let the list move: closed rows leave, new ones enter at their places. */
  settle() {
    let hasMoved = false;
    for (const [id, row] of this.#rows) {
      if (!isClosed(row)) continue;
      if (row.contains(document.activeElement)) this.#heading().focus();
      row.remove();
      this.#rows.delete(id);
      hasMoved = true;
    }
    const entering = [...this.#waiting].sort(([, one], [, other]) => compare(placeOf(one), placeOf(other)));
    this.#waiting.clear();
    for (const [id, row] of entering) hasMoved = this.#insert(id, row) || hasMoved;
    this.#trim();
    if (hasMoved) this.hold.noteMoved();
    this.onChange();
  }

  /** Become what a page from the server shows, by way of the same coming and going as ever. */
  become(fresh) {
    const last = fresh.at(-1);
    const byId = new Map(fresh.map((row) => [Number(row.dataset.alert), row]));
    for (const [id, row] of this.#rows) {
      if (byId.has(id)) update(row, byId.get(id));
      else if (this.hasMore && last && compare(placeOf(row), placeOf(last)) > 0) this.disposed(id, "On the next page by now.");
      else this.disposed(id, "Decided meanwhile.");
    }
    this.#waiting.clear();
    this.#isTrimmed = false;
    for (const [id, row] of byId) {
      if (this.#rows.has(id)) continue;
      name(row);
      this.#placed.add(row);
      this.#waiting.set(id, row);
    }
    this.flow();
  }

  #find(id) {
    return this.#rows.get(id) ?? this.#waiting.get(id);
  }

  #insert(id, row) {
    const ordered = this.list.children;
    let low = 0;
    let high = ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(placeOf(row), placeOf(ordered[middle])) < 0) high = middle;
      else low = middle + 1;
    }
    if (!this.#placed.has(row)) {
      if (low === 0 && !this.isFirst) {
        this.above += 1;
        return false;
      }
      // Below the last one of many stands the next page.
      if (low === ordered.length && (this.hasMore || low >= this.maxRows)) {
        this.hasMore = true;
        return false;
      }
    }
    row.classList.add("is-new");
    this.list.insertBefore(row, ordered[low] ?? null);
    this.#rows.set(id, row);
    return true;
  }

  #trim() {
    while (this.list.children.length > this.maxRows) {
      const last = this.list.lastElementChild;
      if (last.contains(document.activeElement)) this.#heading().focus();
      last.remove();
      this.#rows.delete(Number(last.dataset.alert));
      this.hasMore = true;
      this.#isTrimmed = true;
    }
  }

  #openAfter(row) {
    for (let next = row.nextElementSibling; next; next = next.nextElementSibling) if (!isClosed(next)) return next;
    for (let next = row.previousElementSibling; next; next = next.previousElementSibling) if (!isClosed(next)) return next;
    return null;
  }

  #heading() {
    return document.getElementById("heading");
  }
}
