// The server's clock: the clock of a phone or an old computer may be wrong, and ages must not be.

let aheadMs = 0;

/** Takes the server's time of a message. */
export function serverTime(iso) {
  const ms = Date.parse(iso ?? "");
  if (!Number.isNaN(ms)) aheadMs = ms - Date.now();
}

export const nowMs = () => Date.now() + aheadMs;

/** Seconds of a clock that never jumps, for ages of what came by the network. */
export const monotonicS = () => performance.now() / 1000;
