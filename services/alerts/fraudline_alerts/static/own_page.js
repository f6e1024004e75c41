// This very page, asked for again: the server renders, the module puts what came in the place of what stood there.

export const SESSION_OVER = "Your session is over. Sign in again with a new link: fraudline sign-in prints one.";

/** The session that the page leans on has ended. */
export class SessionOver extends Error {}

/** The server did not answer, or not with this page. */
export class Away extends Error {}

/** Fetch an address of ours that answers with HTML; `mark` is a selector that a page of a signed-in person fits. */
export async function fetchHtml(address, mark) {
  let answer;
  try {
    answer = await fetch(address, { headers: { accept: "text/html" }, cache: "no-store" });
  } catch {
    throw new Away("the server does not answer");
  }
  if (answer.status === 401 || answer.status === 403) throw new SessionOver(SESSION_OVER);
  if (!answer.ok) throw new Away(`the server answers ${answer.status}`);
  const fetched = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!fetched.querySelector(mark)) throw new SessionOver(SESSION_OVER);
  return fetched;
}

/** Say how the page stands to the feed: `state` is live, connecting, away or over. */
export function showLive(state, words) {
  const mark = document.getElementById("live");
  if (mark.textContent === words && mark.classList.contains(`is-${state}`)) return;
  mark.className = `live is-${state}`;
  mark.textContent = words;
}
