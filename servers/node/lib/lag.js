// How late timers fire: the lag that every callback on the loop suffers.

/** How long a timer is asked to wait for each sample, as the contract says. */
const SAMPLE_MS = 100;

/** Times in µs and how often each was seen. They keep three digits, so that a long run needs no more memory. */
export class Counts {
  #counts = new Map();

  /** Adds a sample. Timers have a resolution of a millisecond and may be early by as much, which is no lag. */
  add(ms) {
    const us = toThreeDigits(Math.max(0, ms) * 1000);
    this.#counts.set(us, (this.#counts.get(us) ?? 0) + 1);
  }

  /** Pairs of a time and its count, as plain data. */
  get counts() {
    return [...this.#counts];
  }
}

/** Starts sampling for as long as the process lives. */
export function sampleLags() {
  const lags = new Counts();
  let startedAt = performance.now();
  const timer = setTimeout(() => {
    const now = performance.now();
    lags.add(now - startedAt - SAMPLE_MS);
    startedAt = now;
    timer.refresh();
  }, SAMPLE_MS).unref();
  return lags;
}

/** All the lists of counts together, shortest time first. */
export function merge(lists) {
  const merged = new Map();
  for (const [us, count] of lists.flat()) {
    merged.set(us, (merged.get(us) ?? 0) + count);
  }
  return [...merged].sort(([a], [b]) => a - b);
}

/** Percentiles, by nearest rank, of counts as `merge` gives them; null where there are none. */
export function summarise(sorted) {
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) {
    return null;
  }
  const percentile = (percent) => {
    const rank = Math.ceil((percent * total) / 100);
    let seen = 0;
    return sorted.find(([, count]) => (seen += count) >= rank)[0];
  };
  return { p50: percentile(50), p99: percentile(99), max: sorted.at(-1)[0] };
}

function toThreeDigits(us) {
  const unit = us < 1000 ? 1 : 10 ** (Math.floor(Math.log10(us)) - 2);
  return Math.round(us / unit) * unit;
}
