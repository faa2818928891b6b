// What the slices of a record say of a stretch of its time: a distribution, drawn as the pictures of the whole are.
"use strict";

const slices = (() => {
  /** Slices tell values apart by six binary digits, as slices.rs has it: so many buckets a doubling, each known by its middle. */
  const BUCKETS_PER_DOUBLING = 32;
  const PRECISION = "1.6 %";

  /** For each target what its slices within the stretch hold, as the charts of the distribution draw it. */
  const parts = (targets, time, edges) =>
    targets.map((all) => {
      for (const slice of all) slice.counts ??= unpackedCounts(slice.packed);
      const within = all.filter((slice) => isWithin(slice, time));
      const buckets = ascending(summed(within.map(({ counts }) => counts)));
      const count = buckets.at(-1)?.upTo ?? 0;
      return {
        slices: within.length, from: within[0]?.from, to: within.at(-1)?.to, count,
        of: ascending(summed(all.map(({ counts }) => counts))).at(-1)?.upTo ?? 0,
        curve: count > 0 ? curveOf(buckets, count) : [],
        outline: count > 0 && edges !== null ? [outlineOf(buckets, count, edges)] : [],
      };
    });

  /** A slice counts where its middle lies in the stretch, and where the stretch lies in it. */
  const isWithin = ({ from, to }, [low, high]) => {
    const [middle, looked] = [(from + to) / 2, (low + high) / 2];
    return (middle >= low && middle <= high) || (looked >= from && looked < to);
  };

  /** A slice's counts by bucket: numbers of seven bits a byte; an even one is twice a count, an odd one twice a gap, and one. */
  const unpackedCounts = (packed) => {
    const counts = [];
    let [number, weight, bucket] = [0, 1, 0];
    for (const character of atob(packed)) {
      const byte = character.charCodeAt(0);
      number += (byte % 128) * weight;
      weight *= 128;
      if (byte >= 128) continue;
      const isGap = number % 2 === 1;
      const value = (number - (isGap ? 1 : 0)) / 2;
      if (!isGap) counts[bucket] = value;
      bucket += isGap ? value : 1;
      [number, weight] = [0, 1];
    }
    return counts;
  };

  /** Counts of several slices as one: slices are merged by adding, bucket by bucket. */
  const summed = (slices) => {
    const sum = [];
    for (const counts of slices) {
      counts.forEach((count, bucket) => { sum[bucket] = (sum[bucket] ?? 0) + count; });
    }
    return sum;
  };

  /** The buckets with a count: their bounds, the value that stands for them, and how many values lie up to there. */
  const ascending = (counts) => {
    const buckets = [];
    let upTo = 0;
    counts.forEach((count, bucket) => {
      const dropped = Math.max(0, Math.floor(bucket / BUCKETS_PER_DOUBLING) - 1);
      const width = 2 ** dropped;
      const low = (bucket - dropped * BUCKETS_PER_DOUBLING) * width;
      upTo += count;
      buckets.push({ low, width, value: low + (width - 1) / 2, count, upTo });
    });
    return buckets;
  };

  /** So many values beyond a percentile make it worth believing. */
  const BEYOND_MIN = 10;
  /** The next step of a curve begins so little to the right that no percentile which people name lies between. */
  const HAIR = 1e-8;

  /** The curve by percentile: as far as enough lie beyond it, and from there on. */
  const curveOf = (buckets, count) => {
    const nines = (rank) => Math.log10(count / (count - rank));
    const last = Math.log10(count) + 0.05;
    const end = count > BEYOND_MIN ? nines(count - BEYOND_MIN) : -1;
    const [believed, beyond] = [[], []];
    for (const { value, count: own, upTo } of buckets) {
      const from = upTo === own ? 0 : nines(upTo - own) + HAIR;
      const to = upTo === count ? last : nines(upTo);
      if (from <= end) believed.push([from, value], [Math.min(to, end), value]);
      if (to > end) beyond.push([Math.max(from, end), value], [to, value]);
    }
    return [believed, beyond];
  };

  /** The contour of the shares in each bin. A bucket that lies across an edge is shared out as if its values lay evenly in it. */
  const outlineOf = (buckets, count, edges) => {
    const bins = edges.length - 1;
    const shares = Array.from({ length: bins }, (_, bin) => {
      // What lies beyond the ends, by the coarseness of the buckets, belongs to the bins there.
      const from = bin === 0 ? -Infinity : edges[bin];
      const to = bin === bins - 1 ? Infinity : edges[bin + 1];
      const within = ({ low, width, count: own }) => (own * Math.max(0, Math.min(to, low + width) - Math.max(from, low))) / width;
      return buckets.reduce((sum, bucket) => sum + within(bucket), 0) / count;
    });
    const first = shares.findIndex((share) => share > 0);
    const last = shares.findLastIndex((share) => share > 0);
    const steps = shares.slice(first, last + 1).flatMap((share, index) => [[edges[first + index], share], [edges[first + index + 1], share]]);
    return [[edges[first], 0], ...steps, [edges[last + 1], 0]];
  };

  return { parts, PRECISION };
})();
