// How late timers fire: the lag that every callback on the loop suffers.

/** How long a timer is asked to wait for each sample, as the contract says. */
const SAMPLE_MS = 100;

/** Starts sampling. Lags are counted in µs, rounded to three digits, so that a long run needs no more memory. */
export function startLag() {
  const counts = new Map();
  let startedAt = performance.now();
  const timer = setTimeout(() => {
    const now = performance.now();
    // Timers have a resolution of a millisecond and may be early by as much, which is no lag.
    const lagUs = roundTo3Digits(Math.max(0, now - startedAt - SAMPLE_MS) * 1000);
    counts.set(lagUs, (counts.get(lagUs) ?? 0) + 1);
    startedAt = now;
    timer.refresh();
  }, SAMPLE_MS).unref();
  return counts;
}

/** Percentiles of all the counts together, null where there are none; each of `all` is a list of lags and their counts. */
export function summarise(all) {
  const merged = new Map();
  let total = 0;
  for (const [lagUs, count] of all.flat()) {
    merged.set(lagUs, (merged.get(lagUs) ?? 0) + count);
    total += count;
  }
  if (total === 0) {
    return null;
  }
  const sorted = [...merged].sort(([a], [b]) => a - b);
  const percentile = (share) => {
    const rank = Math.ceil(share * total);
    let seen = 0;
    return sorted.find(([, count]) => (seen += count) >= rank)[0];
  };
  return { p50: percentile(0.5), p99: percentile(0.99), max: sorted.at(-1)[0] };
}

function roundTo3Digits(us) {
  const unit = us < 1000 ? 1 : 10 ** (Math.floor(Math.log10(us)) - 2);
  return Math.round(us / unit) * unit;
}
