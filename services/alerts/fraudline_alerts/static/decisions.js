// What a person does to an alert, told to the server. What is refused comes back as a sentence.

import { SESSION_OVER } from "./own_page.js";

const WITHIN_MS = 10_000;

/** The server did not do it; the message is for people. `status` is 0 where no answer came. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Say what the payment of an alert was. */
export function dispose(alert, disposition, note = null) {
  return post(`/v1/alerts/${alert}/disposition`, { disposition, note });
}

/** Give an alert to a person, or with null to nobody. */
export function assign(alert, assignee) {
  return post(`/v1/alerts/${alert}/assignment`, { assignee });
}

async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(WITHIN_MS),
    });
  } catch {
    throw new Refused("The server did not answer. Whether it took this in is not known; try again, it counts once.", 0);
  }
  if (answer.ok) return;
  if (answer.status === 401) throw new Refused(SESSION_OVER, 401);
  throw new Refused(await sentence(answer), answer.status);
}

/** What a problem document (RFC 9457) says, with every fault by its field. */
async function sentence(answer) {
  try {
    const problem = await answer.json();
    const faults = (problem.errors ?? []).map((fault) => `${fault.field} ${fault.message}.`);
    return [problem.detail ?? problem.title, ...faults].join(" ");
  } catch {
    return `The server answered ${answer.status}; try again.`;
  }
}
