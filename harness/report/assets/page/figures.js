// Figures as figures.rs writes them: three significant digits, a unit, thousands apart. Ticks of axes, too.
"use strict";

const figures = (() => {
  const MIB = 1_048_576;
  const TIMES = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];
  /** What is written behind a value of a unit, and how much of the unit that is. Times take the unit that suits them. */
  const UNITS = { seconds: [" s", 1], per_s: ["/s", 1], share: [" %", 0.01], bytes: [" MiB", MIB], change: [" %", 0.01] };

  const format = (options) => {
    const { format: write } = new Intl.NumberFormat("en", options);
    return (value) => write(Object.is(value, -0) ? 0 : value).replace("-", "−");
  };
  const decimals = (most, least = 0) => format({ minimumFractionDigits: Math.min(20, least), maximumFractionDigits: Math.min(20, most), signDisplay: "negative" });
  // Three significant digits below 1,000, whole from there on.
  const short = { maximumSignificantDigits: 3, minimumFractionDigits: 0, maximumFractionDigits: 0, roundingPriority: "morePrecision" };
  const trimmed = format(short);
  const three = format({ ...short, minimumSignificantDigits: 3 });
  const figure = (value) => (value === 0 ? "0" : three(value));
  const count = decimals(0);
  const share = (part) => `${trimmed(part * 100)} %`;

  const unitOf = (unit, value) => {
    if (unit !== "time_ns") return UNITS[unit] ?? ["", 1];
    const [name, length] = TIMES.find(([, length]) => Number((value / length).toPrecision(3)) >= 1) ?? TIMES.at(-1);
    return [` ${name}`, length];
  };

  /** A place on HdrHistogram's axis as its percentile, with as many nines as tell it from its neighbours. */
  const percentile = (nines) => `${decimals(Math.max(1, Math.ceil(nines)))((1 - 10 ** -nines) * 100)} %`;

  const signed = (unit, value, text) => (unit === "change" && value > 0 ? `+${text}` : text);

  /** A value with its unit. */
  const read = (unit, value) => {
    if (unit === "nines") return percentile(value);
    const [suffix, whole] = unitOf(unit, value);
    const write = { seconds: decimals(2), per_s: trimmed, share: trimmed, change: trimmed }[unit] ?? figure;
    return signed(unit, value, `${write(value / whole)}${suffix}`);
  };

  /** One value, or the smallest and the largest of several. */
  const spread = (unit, values) => [...new Set([values[0], values.at(-1)].map((value) => read(unit, value)))].join(" to ");

  const magnitude = (value) => Math.floor(Math.log10(value) + 1e-9);

  const linearTicks = (low, high, unit, count) => {
    const whole = unit === "bytes" ? MIB : 1;
    const rough = Math.max((high - low) / whole / count, Number.MIN_VALUE);
    const step = [1, 2, 5, 10].map((step) => step * 10 ** magnitude(rough)).find((step) => step >= rough * (1 - 1e-9)) * whole;
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, index) => (first + index) * step);
  };

  const logTicks = (low, high, unit) => {
    const decades = Math.log10(high / low);
    if (decades < 0.7) return linearTicks(low, high, unit, 5);
    const powers = Array.from({ length: magnitude(high) - magnitude(low) + 1 }, (_, index) => 10 ** (magnitude(low) + index));
    return powers.flatMap((power) => (decades < 3.5 ? [1, 2, 5] : [1]).map((part) => part * power));
  };

  /** Percentiles that people name; more of them the closer one looks. */
  const percentileTicks = (low, high) => {
    const parts = high - low < 1.5 ? [1, 0.75, 0.5, 0.25] : [1];
    const decades = Array.from({ length: 21 }, (_, decade) => decade);
    return decades.flatMap((decade) => [...new Set(decade === 0 ? [...parts, 0.5] : parts)].map((part) => decade - Math.log10(part))).sort((a, b) => a - b);
  };

  /** Where an axis between these ends has its ticks: about so many, where it is linear. */
  const ticks = ({ unit, log }, [low, high], count) => {
    const all = unit === "nines" ? percentileTicks(low, high) : log ? logTicks(low, high, unit) : linearTicks(low, high, unit, count);
    const hair = (high - low) * 1e-9;
    return all.filter((value) => value >= low - hair && value <= high + hair);
  };

  /** What stands beside ticks: as many decimals as tell one from the next, in the unit that suits the largest. */
  const labels = ({ unit, log }, values) => {
    const step = values.length > 1 ? values[1] - values[0] : values[0];
    return values.map((value) => {
      if (unit === "nines") return percentile(value);
      if (Math.abs(value) < step * 1e-6) return "0";
      const [suffix, whole] = unitOf(unit, log ? value : values.at(-1));
      const digits = Math.max(0, -magnitude((log ? Math.min(step, value) : step) / whole));
      return signed(unit, value, `${decimals(digits, log ? 0 : digits)(value / whole)}${suffix}`);
    });
  };

  return { count, share, percentile, read, spread, ticks, labels };
})();
