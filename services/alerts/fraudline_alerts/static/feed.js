// The feed of what happens to alerts: each event once and in order, over whatever breaks in between.
//
// Events are numbered without gaps. One that was seen already is passed over; a number that is missing, or a server that
// refuses the stream, means that only the page itself can tell what stands: it is fetched anew, and followed from there.

import { Away, SessionOver, fetchHtml, showLive } from "./own_page.js";

const KINDS = ["opened", "explained", "assigned", "disposed"];
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
// A wire that was cut without a word looks open: silence of so many beats is taken for it.
const SILENT_BEATS = 2.5;

export class Feed {
  #source = null;
  #pause = 0;
  #timer = null;
  #silence = null;
  #isStopped = true;
  #turn = 0;

  /**
   * `after` is the number of the last event that the page knows. `onEvent` is given each one after it, `onPage` the
   * page anew, with all that it shows.
   */
  constructor({ after, onEvent, onPage }) {
    this.last = after;
    this.onEvent = onEvent;
    this.onPage = onPage;
  }

  start() {
    this.#isStopped = false;
    this.#open();
  }

  stop() {
    this.#isStopped = true;
    this.#close();
    clearTimeout(this.#timer);
  }

  /** Take the page anew and follow from there. */
  async renew() {
    this.#isStopped = false;
    this.#close();
    clearTimeout(this.#timer);
    const page = await this.#page();
    if (page === null) return;
    this.last = Number(page.querySelector("[data-last-event-id]").dataset.lastEventId);
    this.onPage(page);
    this.#open();
  }

  /** Take the page anew while the stream goes on. */
  async refresh() {
    if (this.#source === null) return this.renew();
    const page = await this.#page();
    if (page !== null) this.onPage(page);
  }

  /** Fetch the page; null where it did not come, or came too late to be the newest, or is not wanted any more. */
  async #page() {
    const turn = ++this.#turn;
    try {
      const page = await fetchHtml(location.href, "[data-last-event-id]");
      return turn === this.#turn && !this.#isStopped ? page : null;
    } catch (error) {
      if (turn !== this.#turn) return null;
      if (error instanceof SessionOver) this.#end(error.message);
      else if (error instanceof Away) this.#renewLater(`not live: ${error.message}, trying again`);
      else throw error;
      return null;
    }
  }

  #open() {
    this.#close();
    const source = new EventSource(`/v1/alerts/stream?after=${this.last}`);
    this.#source = source;
    source.onopen = () => {
      showLive("live", "live");
      this.#pause = 0;
    };
    source.onerror = () => {
      // The browser tries again by itself, from the last number that it saw, unless the server has refused.
      clearTimeout(this.#silence);
      if (source.readyState === EventSource.CLOSED) this.#refused();
      else showLive("connecting", "not live: connecting again …");
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#take(JSON.parse(event.data)));
    source.addEventListener("dropped", (event) => {
      const { code, reason } = JSON.parse(event.data);
      showLive("connecting", `not live: ${reason}`);
      // What has these numbers now is something else: the page is taken anew.
      if (code === "set_back") this.#refused();
    });
    source.addEventListener("heartbeat", (event) => this.#expectBeat(JSON.parse(event.data).every_seconds));
  }

  #close() {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #take(event) {
    if (this.#source === null || event.number <= this.last) return;
    if (event.number > this.last + 1) {
      this.#refused();
      return;
    }
    this.last = event.number;
    this.onEvent(event);
  }

  #refused() {
    this.#renewLater("not live: reading everything anew …");
  }

  #renewLater(words) {
    if (this.#isStopped) return;
    this.#close();
    showLive("away", words);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.renew(), this.#pause);
    this.#pause = Math.min(Math.max(FIRST_PAUSE_MS, this.#pause * 2), LONGEST_PAUSE_MS);
  }

  #expectBeat(everySeconds) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      showLive("connecting", "not live: nothing has come for a while, connecting again …");
      this.#open();
    }, everySeconds * SILENT_BEATS * 1_000);
  }

  #end(words) {
    this.stop();
    showLive("over", words);
  }
}
