// Whether a person is at work in the list: then nothing in it may move under their hand.

const POINTER_MS = 10_000;
const TOUCH_MS = 3_000;
const KEYBOARD_MS = 20_000;
// After rows have moved under a pointer, a click that was already on its way is taken for what it is: meant for another row.
const SETTLE_MS = 400;

export class Hold {
  #until = 0;
  #movedAt = -SETTLE_MS;
  #timer = null;

  /** `onRelease` is called each time that the list may move again. */
  constructor(list, onRelease) {
    this.list = list;
    this.onRelease = onRelease;
    const byPointer = (event) => this.#extend(event.pointerType === "touch" ? TOUCH_MS : POINTER_MS);
    list.addEventListener("pointermove", byPointer, { passive: true });
    list.addEventListener("pointerdown", byPointer, { passive: true });
    list.addEventListener("wheel", () => this.#extend(POINTER_MS), { passive: true });
    list.addEventListener("keydown", () => this.#extend(KEYBOARD_MS));
    list.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) this.#extend(KEYBOARD_MS);
    });
    list.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !list.contains(event.relatedTarget) && !list.matches(":hover")) this.release();
    });
    list.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch" && !list.querySelector(":focus-visible")) this.release();
    });
    window.addEventListener("blur", () => this.release());
  }

  get isHeld() {
    return performance.now() < this.#until;
  }

  /** Whether the list has moved under the pointer so lately that a click may be meant for what stood there before. */
  get isSettling() {
    return performance.now() - this.#movedAt < SETTLE_MS;
  }

  noteMoved() {
    if (this.list.matches(":hover")) this.#movedAt = performance.now();
  }

  release() {
    this.#until = 0;
    clearTimeout(this.#timer);
    this.onRelease();
  }

  #extend(milliseconds) {
    const until = performance.now() + milliseconds;
    if (until <= this.#until) return;
    this.#until = until;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), milliseconds);
  }
}
