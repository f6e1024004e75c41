// Values in the form in which people read them; the server says the same in readable.py.

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** A probability in whole percent; what is neither impossible nor certain never reads 0 or 100. */
export function percent(share) {
  if (share === null) return "–";
  const rounded = Math.round(share * 100);
  return `${share > 0 && share < 1 ? Math.min(Math.max(rounded, 1), 99) : rounded} %`;
}

/** An exact amount, a string of digits, with its thousands set apart; it never becomes a number. */
export function money(amount) {
  const [whole, ...rest] = amount.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...rest].join(".");
}

/** A count with its thousands set apart. */
export function count(number) {
  return number.toLocaleString("en");
}

/** How long ago a moment was. */
export function ago(moment, now = Date.now()) {
  const seconds = (now - moment.getTime()) / 1_000;
  if (seconds < 2) return "just now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return `${Math.floor(seconds / DAY)} d ago`;
}

/** A moment in the reader's own zone, which it names; in its `short` form without the zone and this year's number. */
export function local(moment, form = "full") {
  const isShort = form === "short";
  const isThisYear = moment.getFullYear() === new Date().getFullYear();
  return moment.toLocaleString(undefined, {
    year: isShort && isThisYear ? undefined : "numeric",
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    timeZoneName: isShort ? undefined : "short",
  });
}
