// The status board: the server draws it, this module fetches it every two seconds while somebody looks.

import { Away, SessionOver, fetchHtml, showLive } from "./own_page.js";
import { keepTimes, showTimes } from "./times.js";

const EVERY_MS = 2_000;
const board = document.getElementById("board");
let timer = null;
let heardAt = new Date();

/** Put a part of the board in the place of what it was; the table stays as open and as far scrolled as its reader has it. */
function renew(old, fresh) {
  if (old.id === "table") old.querySelector("tbody").replaceWith(fresh.querySelector("tbody"));
  else old.replaceWith(fresh);
}

/** Say that what stands on the board is old, and why; with null that it is not. */
function stale(reason) {
  const told = document.getElementById("stale");
  if (reason === null) heardAt = new Date();
  else told.textContent = `Nothing heard since ${heardAt.toLocaleTimeString()} (${reason}); what stands below is from then.`;
  told.hidden = reason === null;
  board.classList.toggle("is-stale", reason !== null);
}

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const fresh = await fetchHtml("/status/board", ".charts");
    for (const [place, part] of [...document.adoptNode(fresh.body).children].entries()) renew(board.children[place], part);
    showTimes(board);
    showLive("live", "live");
    stale(null);
  } catch (error) {
    if (!(error instanceof SessionOver || error instanceof Away)) throw error;
    stale(error.message);
    if (error instanceof SessionOver) return showLive("over", error.message);
    showLive("away", `not live: ${error.message}, trying again`);
  }
  timer = setTimeout(look, EVERY_MS);
}

document.addEventListener("visibilitychange", look);
keepTimes();
look();
