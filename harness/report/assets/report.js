// The live half of report.html: its charts zoomed, read out, rid of targets, on a linear or a logarithmic scale.
//
// It knows what the page's own data says (charts/plot.rs writes it) and asks nothing of anyone. Without it the page shows
// the same charts as pictures; a chart that tells no data stays one.
"use strict";

(() => {
  // ---------------------------------------------------------------- the page

  const page = () => {
    themeSwitch();
    const { runs } = JSON.parse(document.getElementById("data").textContent);
    const views = runs.flatMap((run, index) => liveRun(run, document.getElementById(`run-${index + 1}`), `run-${index + 1}`));
    document.querySelectorAll("a[data-gzip]").forEach(unpacked);
    printed(views);
    // Tests and the curious ask when a page was ready to be read.
    performance.mark("drawn");
  };

  /** A button that turns light into dark and back; until then the system decides. */
  const themeSwitch = () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const button = element("button", { type: "button", class: "theme" });
    const name = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    system.addEventListener("change", name);
    name();
    document.body.prepend(element("div", { class: "page-tools" }, button));
  };

  /** Narrow paper between wide margins, in pixels; on wider paper charts grow a little. */
  const PAPER = 660;

  /** Draws charts for paper while the page is printed: scaled down from a screen, their figures could not be read. */
  const printed = (views) => {
    const draw = (width) => () => {
      views.forEach(({ host }) => { host.style.width = width; });
      views.forEach((view) => view.draw());
    };
    addEventListener("beforeprint", draw(`${PAPER}px`));
    addEventListener("afterprint", draw(""));
  };

  /** Makes a link to a compressed file one to the file itself. */
  const unpacked = (link) => {
    const packed = link.href.slice(link.href.indexOf(",") + 1);
    link.removeAttribute("href");
    const name = link.download.replace(/\.gz$/, "");
    const button = element("button", { type: "button", class: "link" }, name);
    link.replaceWith(button);
    button.addEventListener("click", async () => {
      const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      save(name, await new Response(plain).blob());
    });
  };

  const save = (name, blob) => {
    const link = element("a", { download: name, href: URL.createObjectURL(blob) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // ---------------------------------------------------------------- a run

  /** One run: which targets are shown, which stretch of time, and its charts. */
  const liveRun = (run, section, id) => {
    const state = {
      id, targets: run.targets, samples: run.samples, shown: new Set(run.targets.keys()), views: [],
      // The stretch of time that is looked at, and what the slices of each target hold of it.
      time: null, parts: null, tell: () => {},
      slices: run.slices?.map((slices) => slices.map(([from, to, packed]) => ({ from, to, packed }))) ?? null,
    };
    run.targets.forEach(({ ink }, index) => section.style.setProperty(`--target-${index}`, ink));
    for (const figure of section.querySelectorAll("figure[data-chart]")) {
      const chart = run.charts[figure.dataset.chart];
      if (chart) state.views.push(liveChart(state, figure, chart));
      else picture(figure);
    }
    const bar = element("div", { class: "targets" });
    if (state.views.length > 0 && run.targets.length > 1) bar.append(targetSwitches(state));
    if (state.views.some(({ overTime }) => overTime)) bar.append(stretchLine(state));
    if (bar.hasChildNodes()) section.querySelector(".charts-heading").after(bar);
    state.views.forEach((view) => view.draw());
    return state.views;
  };

  /** A button for each target, which shows it or leaves it out of every chart. */
  const targetSwitches = (state) => {
    const group = element("div", { class: "switches", role: "group", "aria-label": "Targets shown in the charts" });
    const buttons = state.targets.map((target, index) => {
      const button = element("button", { type: "button", class: "target" }, sample(target, index), target.name);
      button.addEventListener("click", () => {
        if (!state.shown.delete(index)) state.shown.add(index);
        update();
      });
      return button;
    });
    const all = element("button", { type: "button" }, "All");
    all.addEventListener("click", () => {
      state.shown = new Set(state.targets.keys());
      update();
    });
    const press = () => {
      buttons.forEach((button, index) => button.setAttribute("aria-pressed", state.shown.has(index)));
      all.disabled = state.shown.size === state.targets.length;
    };
    const update = () => {
      press();
      state.tell();
      state.views.forEach((view) => view.draw());
    };
    press();
    group.append(...buttons, all);
    return group;
  };

  /** Says in words which stretch of time is looked at, with a button that shows the whole run again. */
  const stretchLine = (state) => {
    const words = element("p", { role: "status" });
    const button = element("button", { type: "button" }, "Whole run");
    button.addEventListener("click", () => lookAt(state, null));
    state.tell = () => {
      words.textContent = state.time === null
        ? "All charts show the whole run. To see a stretch of it, drag across a chart over time, or press Enter there at both of its ends."
        : `Charts over time show ${between(state.time)}; curve and histogram: ${distributionWords(state)}.`;
      button.disabled = state.time === null;
    };
    state.tell();
    return element("div", { class: "stretch" }, words, button);
  };

  const between = ([from, to]) => `${read("seconds", from)} to ${read("seconds", to)}`;

  /** So many targets are told one by one; of more, the sum says enough. */
  const TOLD_MAX = 4;

  /** Whose distribution is shown while a stretch of time is looked at. */
  const distributionWords = ({ parts, shown, targets, samples }) => {
    if (parts === null) return "the whole run, since this record holds no distribution of a part of it";
    const told = [...shown].sort((a, b) => a - b).map((index) => ({ name: targets[index].name, ...parts[index] }));
    const sum = (of) => told.reduce((total, part) => total + of(part), 0);
    const within = told.filter(({ slices }) => slices > 0);
    if (within.length === 0) return `no ${samples} of the targets shown`;
    const ends = [Math.min(...within.map(({ from }) => from)), Math.max(...within.map(({ to }) => to))];
    const each = told.length > 1 && told.length <= TOLD_MAX
      ? ` (${told.map(({ name, count, of }) => `${name} ${separated(count, 0)} of ${separated(of, 0)}`).join(", ")})` : "";
    const all = `${separated(sum(({ count }) => count), 0)} of ${separated(sum(({ of }) => of), 0)}`;
    return `${samples} from ${between(ends)}, ${all}${each}, times to ${PRECISION}`;
  };

  // ---------------------------------------------------------------- what slices hold of a stretch of time

  /** Slices tell values apart by six binary digits, as slices.rs has it: so many buckets a doubling, told by their middles. */
  const BUCKETS_PER_DOUBLING = 32;
  const PRECISION = "1.6 %";

  /** For each target what its slices within the stretch hold, as the charts of the distribution draw it. */
  const partsOf = ({ time, slices, views }) => {
    if (time === null || slices === null) return null;
    const edges = views.flatMap(({ chart }) => chart.panels).find((panel) => panel.edges)?.edges ?? null;
    return slices.map((all) => {
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
  };

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

  /** Whether a panel shows the distribution of what is timed, and so that of a stretch where one is looked at. */
  const isDistribution = (panel) => panel.shape === "curve" || panel.shape === "outline";

  /** A target's lines on a panel: the picture's own, or what its slices make of the stretch that is looked at. */
  const linesOf = ({ parts }, panel, index) =>
    (parts !== null && isDistribution(panel) ? parts[index][panel.shape] : panel.series[index]) ?? [];

  // ---------------------------------------------------------------- a chart that stays a picture

  const WIDEST = 4;

  const picture = (figure) => {
    const svg = figure.querySelector(".chart svg");
    let width = 1;
    const zoom = (by) => () => {
      width = Math.min(WIDEST, Math.max(1, width * by));
      svg.style.width = `${width * 100}%`;
    };
    figure.prepend(tools([["Zoom in", zoom(1.5)], ["Zoom out", zoom(1 / 1.5)], ["Whole", zoom(0)], savePicture(figure)]));
  };

  const savePicture = (figure) => [
    "Save as SVG",
    () => {
      const text = new XMLSerializer().serializeToString(figure.querySelector(".chart svg"));
      save(`${figure.dataset.chart}.svg`, new Blob([text], { type: "image/svg+xml" }));
    },
  ];

  const tools = (buttons) => {
    const bar = element("div", { class: "tools" });
    for (const [name, act] of buttons) {
      const button = element("button", { type: "button" }, name);
      button.addEventListener("click", () => act(button));
      bar.append(button);
    }
    return bar;
  };

  // ---------------------------------------------------------------- a live chart

  /** Draws a chart's data in the place of its picture. All charts over time share one stretch of it. */
  const liveChart = (state, figure, chart) => {
    const { x, x_title: title, rows, shape } = chart.panels[0];
    const overTime = x.unit === "seconds";
    const view = {
      state, figure, chart, overTime, rows: Boolean(rows), log: chart.panels.map((panel) => panel.y.log), own: null, cursor: null, mark: null,
    };
    const keys = rows
      ? "The arrows read what it shows, one after the other."
      : "Left and right arrow read values, page up and down those that the axis names; plus and minus zoom, enter at each end of a stretch looks at it, 0 shows the whole.";
    const host = element("div", { class: `live ${shape}`, tabindex: "0", role: "group", "aria-label": `${chart.title}. ${keys}` });
    view.host = host;
    view.tip = element("div", { class: "tip", role: "status", hidden: "" });
    view.panels = chart.panels.map((panel, index) => {
      const caption = element("p", { class: "caption" });
      const svg = drawing("svg", { role: "img", "aria-label": `${chart.title}: ${panel.caption}` });
      const place = element("div", { class: "panel" }, caption, svg);
      host.append(place);
      const drawn = { state, panel, index, caption, svg, place, clip: `${state.id}-${figure.dataset.chart}-${index}` };
      pointing(view, drawn);
      return drawn;
    });
    view.title = element("p", { class: "x-title" }, title);
    host.append(...(title ? [view.title] : []), view.tip);
    const logarithmic = (button) => {
      const log = !view.log[0];
      view.log = view.log.map(() => log);
      button.setAttribute("aria-pressed", log);
      view.draw();
    };
    const zooms = [["Zoom in", () => zoom(view, 0.5)], ["Zoom out", () => zoom(view, 2)], ["Whole", () => look(view, null)]];
    const bar = tools([
      ...(rows ? [] : zooms),
      // A bar begins at zero.
      ...(shape === "bars" ? [] : [["Logarithmic", logarithmic]]),
      savePicture(figure),
    ]);
    const tool = (name) => [...bar.children].find(({ textContent }) => textContent === name);
    tool("Logarithmic")?.setAttribute("aria-pressed", view.log[0]);
    view.draw = () => {
      view.width = host.clientWidth;
      if (view.width > 0) drawPanels(view, view.width);
      if (!rows) tool("Whole").disabled = windowOf(view) === null;
      unmark(view);
    };
    host.addEventListener("keydown", (event) => typed(view, event));
    host.addEventListener("blur", () => unmark(view));
    figure.prepend(element("h3", {}, chart.title), bar, host);
    figure.querySelector(".chart").hidden = true;
    // An observer tells of the first width too, which is drawn already.
    new ResizeObserver(() => {
      if (host.clientWidth !== view.width) view.draw();
    }).observe(host);
    return view;
  };

  const windowOf = (view) => (view.overTime ? view.state.time : view.own);

  /** The ends of the horizontal axis as it is looked at. */
  const endsOf = (view) => {
    const { x } = view.chart.panels[0];
    return windowOf(view) ?? [x.low, x.high];
  };

  /** Looks at a stretch of the horizontal axis; null is all of it. */
  const look = (view, stretch) => {
    if (view.overTime) {
      lookAt(view.state, stretch);
    } else {
      view.own = stretch;
      view.draw();
    }
  };

  /** Looks at a stretch of time of a run: on its charts over time, and at what was timed in it on those of the distribution. */
  const lookAt = (state, stretch) => {
    state.time = stretch;
    state.parts = partsOf(state);
    state.tell();
    state.views.filter((view) => view.overTime || isDistribution(view.chart.panels[0])).forEach((view) => view.draw());
  };

  /** A stretch is never narrower than this share of the whole axis. */
  const NARROWEST = 1e-4;

  const zoom = (view, by) => {
    const { x } = view.chart.panels[0];
    const [to, from] = transforms(x.log);
    const [low, high] = endsOf(view).map(to);
    const whole = [x.low, x.high].map(to);
    const middle = view.cursor === null ? (low + high) / 2 : Math.min(high, Math.max(low, to(view.cursor)));
    const share = (middle - low) / (high - low);
    const width = Math.max((high - low) * by, (whole[1] - whole[0]) * NARROWEST);
    if (width >= whole[1] - whole[0]) return look(view, null);
    const start = Math.min(Math.max(middle - share * width, whole[0]), whole[1] - width);
    return look(view, [start, start + width].map(from));
  };

  /** Marks an end of a stretch at the value that is read; at the other end it looks at what lies between. */
  const mark = (view) => {
    if (view.cursor === null || view.cursor === view.mark) return;
    if (view.mark !== null) return look(view, ordered(view.mark, view.cursor));
    view.mark = view.cursor;
    pointAt(view, view.cursor);
  };

  /** Reads out nothing any more, and forgets what was marked. */
  const unmark = (view) => {
    view.mark = null;
    const panels = view.state.views.flatMap((other) => other.panels);
    panels.filter(({ selection }) => selection).forEach(({ selection }) => set(selection, { width: 0 }));
    pointAt(view, null);
  };

  const ordered = (one, other) => [Math.min(one, other), Math.max(one, other)];

  /** About so many values are named along a horizontal axis by the keys that go from one to the next. */
  const TICKS = 10;

  const typed = (view, event) => {
    const acts = view.rows ? keysOfRows(view) : keysOfAxis(view, event);
    if (Object.hasOwn(acts, event.key)) {
      acts[event.key]();
      event.preventDefault();
    }
  };

  /** From one place to the next, over all panels. */
  const keysOfRows = (view) => {
    const places = view.panels.flatMap((drawn) => drawn.panel.rows.places.map((_, place) => [place, drawn]));
    const now = view.cursor === null ? null : places.findIndex(([place, drawn]) => place === view.cursor && drawn === view.on);
    const go = (to) => {
      const [place, drawn] = places[Math.min(places.length - 1, Math.max(0, to))];
      pointAt(view, place, null, drawn);
      view.tip.scrollIntoView({ block: "nearest" });
    };
    const forth = () => go(now === null ? 0 : now + 1);
    const back = () => go(now === null ? places.length - 1 : now - 1);
    return {
      ArrowRight: forth,
      ArrowDown: forth,
      PageDown: forth,
      ArrowLeft: back,
      ArrowUp: back,
      PageUp: back,
      Home: () => go(0),
      End: () => go(places.length - 1),
      Escape: () => pointAt(view, null),
    };
  };

  const keysOfAxis = (view, event) => {
    const [low, high] = endsOf(view);
    const { x } = view.chart.panels[0];
    const [to, from] = transforms(x.log);
    const step = (by) => {
      if (view.panels[0].panel.shape === "ways") return stop(Math.sign(by));
      const start = view.cursor ?? from(to(low) + (to(high) - to(low)) / 2);
      return pointAt(view, Math.min(high, Math.max(low, from(to(start) + (to(high) - to(low)) * by))));
    };
    const stop = (by) => {
      const stops = stopsOf(view).filter((at) => at >= low && at <= high);
      const now = view.cursor === null ? (by > 0 ? -1 : stops.length) : stops.indexOf(view.cursor);
      const next = stops[Math.min(stops.length - 1, Math.max(0, now + by))];
      if (next !== undefined) pointAt(view, next);
    };
    const named = (forth) => {
      if (view.panels[0].panel.shape === "ways") return stop(forth ? 1 : -1);
      const hair = (high - low) * 1e-9;
      const ticks = horizontalTicks(x, [low, high], TICKS).map(({ value }) => value);
      const start = view.cursor ?? (forth ? -Infinity : Infinity);
      const next = forth ? ticks.find((value) => value > start + hair) : ticks.findLast((value) => value < start - hair);
      if (next !== undefined) pointAt(view, next);
      return undefined;
    };
    return {
      PageDown: () => named(true),
      PageUp: () => named(false),
      ArrowLeft: () => step(event.shiftKey ? -0.1 : -0.01),
      ArrowRight: () => step(event.shiftKey ? 0.1 : 0.01),
      Home: () => pointAt(view, low),
      End: () => pointAt(view, high),
      "+": () => zoom(view, 0.5),
      "-": () => zoom(view, 2),
      Enter: () => mark(view),
      0: () => look(view, null),
      Escape: () => unmark(view),
    };
  };

  /** Less than this is a click and not a drag, in pixels. */
  const DRAG_MIN = 8;

  /** What a pointer does: hovering reads out, dragging zooms, two clicks show the whole. */
  const pointing = (view, drawn) => {
    const { svg } = drawn;
    let from = null;
    const at = (event) => {
      const { left, top } = svg.getBoundingClientRect();
      const { area } = drawn;
      return [Math.min(area.right, Math.max(area.left, event.clientX - left)), event.clientY - top];
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !drawn.area || view.rows) return;
      [from] = at(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!drawn.area) return;
      const [x, y] = at(event);
      const { area } = drawn;
      if (from !== null) select(drawn, from, x);
      if (view.rows) return pointAt(view, drawn.x.invert(y), drawn.y.invert(x), drawn);
      const level = y >= area.top && y <= area.bottom ? drawn.y.invert(y) : null;
      return pointAt(view, drawn.x.invert(x), level, drawn);
    });
    const end = (event) => {
      if (from === null) return;
      const start = from;
      from = null;
      set(drawn.selection, { width: 0 });
      const [x] = at(event);
      if (event.type === "pointerup" && Math.abs(x - start) >= DRAG_MIN) {
        look(view, ordered(drawn.x.invert(start), drawn.x.invert(x)));
      }
    };
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
    svg.addEventListener("pointerleave", () => pointAt(view, null));
    svg.addEventListener("dblclick", () => look(view, null));
  };

  /** Shows what lies between two places as that which will be looked at. */
  const select = ({ area, selection }, from, to) => {
    set(selection, { x: Math.min(from, to), width: Math.abs(to - from), y: area.top, height: area.bottom - area.top });
  };

  // ---------------------------------------------------------------- drawing a panel

  const LABEL = 12;
  /** Narrower than this, in pixels, is a telephone. */
  const ROOMY_WIDTH = 560;
  /** Markers of a target stand at least so far apart, in pixels; further where more than so many targets share the room. */
  const MARKERS_APART = 60;
  const ROOMY = 4;
  /** Where half of all lies on the axis of percentiles. What is faster shares the left edge, and has no room for markers. */
  const MEDIAN_NINES = Math.log10(2);
  /** A reference is drawn where it stretches a linear axis at most so many times, a logarithmic one by its square. */
  const STRETCH_MAX = 3;
  /** Bins below this share of a target's highest carry no marker. */
  const MARKED_MIN = 0.02;
  /** More filled shapes than this on top of one another turn to mud. */
  const FILLED_MAX = 3;

  const drawPanels = (view, width) => {
    const axes = view.panels.map(({ panel, index }) => vertical(view, panel, endsOf(view), view.log[index]));
    if (view.rows) return view.panels.forEach((drawn, index) => drawRows(view, drawn, axes[index]));
    // One left edge for all, so that what happened at one time stands in one column.
    const labels = axes.flatMap(({ ticks }) => ticks.map(({ label }) => textWidth(label)));
    const left = Math.ceil(Math.max(0, ...labels)) + 10;
    return view.panels.forEach((drawn, index) => drawPanel(view, drawn, width, left, axes[index]));
  };

  const drawPanel = (view, drawn, width, left, yAxis) => {
    const { panel, svg } = drawn;
    const log = view.log[drawn.index];
    const alone = view.chart.panels.length === 1;
    const tall = alone || (panel.shape === "ways" && drawn.index === 0);
    const height = (tall ? 320 : 200) * (width < ROOMY_WIDTH ? 0.8 : 1);
    const ends = endsOf(view);
    const area = { left, right: width - 26, top: 8, bottom: height - 24 };
    const x = scale(...ends, panel.x.log, area.left, area.right);
    const y = scale(yAxis.low, yAxis.high, log, area.bottom, area.top);
    Object.assign(drawn, { area, x, y });
    caption(view, drawn, log, yAxis);
    set(svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const clip = drawing("clipPath", { id: drawn.clip },
      drawing("rect", { x: area.left, y: area.top - 6, width: area.right - area.left, height: area.bottom - area.top + 12 }));
    const data = drawing("g", { "clip-path": `url(#${drawn.clip})`, class: "data" });
    for (const index of view.state.shown) data.append(...around(drawn, index));
    for (const index of view.state.shown) data.append(...series(view, drawn, index));
    for (const epochs of panel.epochs ?? []) data.append(...epochDots(view, drawn, epochs));
    drawn.selection = drawing("rect", { class: "selection", width: 0 });
    drawn.level = drawing("line", { class: "level", x1: area.left, x2: area.right, visibility: "hidden" });
    drawn.line = drawing("line", { class: "cursor", y1: area.top, y2: area.bottom, visibility: "hidden" });
    const labels = drawn.index === 0 ? uprightLabels(view, drawn) : [];
    svg.replaceChildren(clip, grid(drawn, panel, ends, yAxis, area, x, y), data, ...labels, drawn.selection, drawn.level, drawn.line);
  };

  /** The vertical axis: the picture's own where all of the same is seen, and otherwise that of what is seen. */
  const vertical = (view, panel, [from, to], log) => {
    const { y } = panel;
    const ofWhole = view.state.parts === null || !isDistribution(panel);
    const whole = windowOf(view) === null && ofWhole && view.state.shown.size === view.state.targets.length;
    let { low, high } = y;
    if (!whole || log !== y.log) {
      const seen = extent(view, panel, from, to, log);
      if (seen) {
        const stretch = log ? STRETCH_MAX ** 2 : STRETCH_MAX;
        const references = panel.references.map(({ value }) => value).filter((value) => value <= seen.high * stretch);
        high = Math.max(seen.high * 1.02, ...references);
        // What the picture leaves on the ground stays there: the room is for telling tails apart.
        low = log ? Math.max(seen.low * 0.98, y.log ? y.low : 0) : Math.min(0, seen.low);
      } else if (log) {
        low = Math.max(low, high / 1e3);
      }
      if (low >= high) high = low + Math.max(Math.abs(low) * 0.05, Number.MIN_VALUE);
    }
    const ticks = log ? logTicks(low, high, y.unit) : linearTicks(low, high, y.unit, 5);
    if (!log && ticks.length > 1 && !whole) {
      const step = ticks[1].value - ticks[0].value;
      high = Math.ceil(high / step - 1e-9) * step;
      low = Math.floor(low / step + 1e-9) * step;
      return { low, high, ticks: linearTicks(low, high, y.unit, 5) };
    }
    return { low, high, ticks };
  };

  /** The smallest and the largest value that is seen; null where nothing is. On a logarithmic axis, of those above zero. */
  const extent = (view, panel, from, to, log) => {
    let [low, high] = [Infinity, -Infinity];
    const take = (value) => {
      if (value === null || (log && value <= 0)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    for (const index of view.state.shown) {
      for (const line of linesOf(view.state, panel, index)) {
        line.forEach((point, at) => {
          // A line that enters or leaves the stretch is seen as well.
          const enters = at + 1 < line.length && point[0] < from && line[at + 1][0] >= from;
          if (enters || (point[0] >= from && point[0] <= to)) point.slice(1).forEach(take);
        });
      }
    }
    return high === -Infinity ? null : { low, high };
  };

  const caption = (view, drawn, log, yAxis) => {
    const { panel } = drawn;
    const said = (text) => text.replace(/(linear|logarithmic) scale/, log ? "logarithmic scale" : "linear scale");
    view.title.textContent = said(view.title.textContent);
    const references = panel.references.map(({ value, meaning }) => `${meaning}${value > yAxis.high ? " (above this chart)" : ""}`);
    const dotted = references.length > 0 ? ` Dotted across: ${references.join(", ")}.` : "";
    const { time } = view.state;
    const within = time && panel.epochs ? ` Full dots: epochs from ${read("seconds", time[0])} to ${read("seconds", time[1])}.` : "";
    drawn.caption.replaceChildren(element("strong", {}, said(panel.caption)), ` ${said(panel.note)}${dotted && panel.note ? "." : ""}${dotted}${within}`);
    if (time && isDistribution(panel)) drawn.caption.append(element("span", { class: "part" }, `Shown: ${distributionWords(view.state)}.`));
  };

  const grid = (drawn, panel, ends, yAxis, area, x, y) => {
    const group = drawing("g", { class: "grid" });
    for (const { value, label } of yAxis.ticks) {
      const at = y(value);
      group.append(
        drawing("line", { x1: area.left, x2: area.right, y1: at, y2: at }),
        drawing("text", { x: area.left - 6, y: at, dy: "0.35em", "text-anchor": "end" }, label),
      );
    }
    let free = -Infinity;
    for (const { value, label } of horizontalTicks(panel.x, ends, (area.right - area.left) / 90)) {
      const at = x(value);
      const half = textWidth(label) / 2;
      group.append(drawing("line", { x1: at, x2: at, y1: area.top, y2: area.bottom }));
      if (at - half >= free) {
        group.append(drawing("text", { x: at, y: area.bottom + 16, "text-anchor": "middle" }, label));
        free = at + half + 8;
      }
    }
    for (const { value } of panel.references) {
      if (value <= yAxis.high && value >= yAxis.low) {
        group.append(drawing("line", { class: "reference", x1: area.left, x2: area.right, y1: y(value), y2: y(value) }));
      }
    }
    group.append(
      drawing("line", { class: "axis", x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom }),
      drawing("line", { class: "axis", x1: area.left, x2: area.left, y1: area.top, y2: area.bottom }),
    );
    return group;
  };

  /** A target's lines and markers. */
  const series = (view, drawn, index) => {
    const { panel, area, x, y } = drawn;
    const target = view.state.targets[index];
    const lines = linesOf(view.state, panel, index);
    const shapes = [];
    const ink = (shape) => {
      shape.style.stroke = `var(--target-${index})`;
      shapes.push(shape);
      return shape;
    };
    const own = { "stroke-dasharray": target.dash.join(" ") };
    if (panel.shape === "curve" || panel.shape === "ways") {
      const [believed, beyond] = lines;
      if (beyond?.length > 1) ink(drawing("path", { class: "line beyond", d: path([beyond], x, y) }));
      if (believed?.length > 0) ink(drawing("path", { class: "line", d: path([believed], x, y), ...(panel.shape === "curve" ? own : {}) }));
    } else if (panel.shape === "impulses") {
      const stroke = (point) => `M${near(x(point[0]))} ${near(area.bottom)}V${near(y(point.at(-1)))}`;
      ink(drawing("path", { class: "line", d: lines.flat().map(stroke).join("") }));
    } else {
      const line = ink(drawing("path", { class: "line", d: path(lines, x, y), ...(panel.shape === "outline" ? own : {}) }));
      if (panel.shape === "outline" && view.state.shown.size <= FILLED_MAX) {
        line.style.fill = `var(--target-${index})`;
        line.classList.add("filled");
      }
    }
    const marked = panel.shape === "curve" || panel.shape === "ways" ? lines.slice(0, 1) : lines;
    const highest = panel.shape === "outline" ? Math.max(0, ...lines.flat().map((point) => point[1])) : 0;
    const count = view.state.targets.length;
    const apart = MARKERS_APART * Math.max(1, count / ROOMY);
    const start = panel.shape === "curve" ? Math.max(area.left, x(MEDIAN_NINES)) : area.left;
    let free = start + (index * apart) / count;
    for (const line of marked) {
      for (const point of line) {
        const at = x(point[0]);
        if (at > area.right + 1) break;
        const seen = at >= area.left - 1 && (highest === 0 || point[1] > highest * MARKED_MIN);
        if (seen && (at >= free || line.length === 1)) {
          shapes.push(marker(target.marker, index, at, y(point.at(-1))));
          free = at + apart;
        }
      }
    }
    return shapes;
  };

  /** What stands around a target's lines: its upright with its interval, and what was measured one by one. */
  const around = ({ panel, area, x, y }, index) => {
    const { at, interval } = panel.uprights?.[index] ?? {};
    const shapes = [];
    if (interval) {
      const [low, high] = interval.map(x);
      shapes.push(drawing("rect", { class: "band", x: near(low), width: near(Math.max(1, high - low)), y: area.top, height: area.bottom - area.top }));
      shapes[0].style.fill = `var(--target-${index})`;
    }
    if (at) {
      const upright = drawing("line", { class: "upright", x1: near(x(at)), x2: near(x(at)), y1: area.top, y2: area.bottom });
      upright.style.stroke = `var(--target-${index})`;
      shapes.push(upright);
    }
    for (const [place, ...values] of panel.dots?.[index] ?? []) {
      for (const value of values) {
        const dot = drawing("circle", { class: "epoch", cx: near(x(place)), cy: near(y(value)), r: 2 });
        dot.style.fill = `var(--target-${index})`;
        shapes.push(dot);
      }
    }
    return shapes;
  };

  /** What the uprights are, on the side of all of them where there is more room; each on a line of its own. */
  const uprightLabels = (view, { panel, area, x }) => {
    const shown = [...view.state.shown].sort((a, b) => a - b).map((index) => ({ index, ...panel.uprights?.[index] }));
    const known = shown.filter(({ at }) => at && x(at) >= area.left && x(at) <= area.right);
    const places = known.flatMap(({ at, interval }) => [at, ...(interval ?? [])]).map(x);
    const [before, behind] = [Math.min(...places) - area.left, area.right - Math.max(...places)];
    const [side, anchor, place] = before < behind ? [1, "start", Math.max(...places)] : [-1, "end", Math.min(...places)];
    const room = Math.max(before, behind) - BESIDE - LEGEND;
    return known.map(({ index, label }, line) => {
      const height = area.top + 10 + 16 * line;
      const text = words(fitted(label, room / BOLD), place + side * (BESIDE + LEGEND), height, anchor);
      text.setAttribute("class", "name");
      return drawing("g", {}, marker(view.state.targets[index].marker, index, place + side * (BESIDE + LEGEND / 2 - 2), height), text);
    });
  };

  /** Lines as a path. Of values that lie close together it goes over the smallest and the largest. */
  const path = (lines, x, y) => {
    const parts = [];
    for (const line of lines) {
      line.forEach((point, index) => {
        const at = near(x(point[0]));
        const [first, second] = point.length > 2 && index % 2 === 1 ? [point[2], point[1]] : point.slice(1);
        parts.push(`${index === 0 ? "M" : "L"}${at} ${near(y(first))}`);
        if (second !== undefined && second !== first) parts.push(`V${near(y(second))}`);
      });
    }
    return parts.join("");
  };

  /** The epochs beside a curve, one by one; full where they lie in the stretch of time that is looked at. */
  const epochDots = (view, drawn, { at, series: epochs }) => {
    const { x, y, area } = drawn;
    const { state } = view;
    const apart = Math.min(7, 44 / Math.max(1, epochs.length - 1));
    const dots = [];
    for (const index of state.shown) {
      const place = x(at) + 12 + index * apart;
      if (place < area.left || x(at) < area.left) continue;
      for (const [time, ...values] of epochs[index] ?? []) {
        const within = state.time === null || (time >= state.time[0] && time <= state.time[1]);
        for (const value of values) {
          const dot = drawing("circle", { class: within ? "epoch" : "epoch outside", cx: near(place), cy: near(y(value)), r: 2.25 });
          dot.style.fill = `var(--target-${index})`;
          dots.push(dot);
        }
      }
    }
    return dots;
  };

  // ---------------------------------------------------------------- drawing rows

  const ROW = 20;
  const HEADING = 28;
  /** Names beside rows take at most this share of the width. */
  const NAMES_MAX = 0.3;
  /** A marker before a text takes so much room. */
  const LEGEND = 14;
  /** How much wider text is that is bold. */
  const BOLD = 1.15;
  /** Beside a row's ink stands its figure, so far away. */
  const BESIDE = 8;
  /** Left of bars stands their target's marker. */
  const BEFORE_BARS = 18;

  /** Rows one under the other: at each place what it is about, and a row for each target that is shown. Values go to the right. */
  const drawRows = (view, drawn, yAxis) => {
    const { panel, svg, place } = drawn;
    const { places, marked, without } = panel.rows;
    const bars = panel.shape === "bars";
    const log = view.log[drawn.index];
    const width = Math.floor(place.clientWidth);
    const targets = [...view.state.shown].sort((a, b) => a - b);
    let bottom = 0;
    const groups = places.map((name, at) => {
      const top = bottom;
      bottom += name ? HEADING : 0;
      const own = targets.map((index) => ({ index, values: nearest(drawn, index, at)?.slice(1) })).filter(({ values }) => values);
      const rows = own.map((row) => ({ ...row, at: (bottom += ROW) - ROW / 2 }));
      return { name, top, bottom, rows };
    });
    const rows = groups.flatMap((group) => group.rows);
    const figureOf = ({ values }) => (values.length > 0 ? read(panel.y.unit, values[marked]) : without);
    const widest = (texts) => Math.max(0, ...texts.map(textWidth));
    const names = rows.map(({ index }) => fitted(view.state.targets[index].name, width * NAMES_MAX));
    const area = {
      left: bars ? BEFORE_BARS : Math.ceil(widest(names)) + 10,
      right: bars ? width - Math.ceil(widest(rows.map(figureOf))) - BESIDE - 4 : width - 26,
      top: 0,
      bottom: Math.max(bottom, ROW),
    };
    const y = scale(yAxis.low, yAxis.high, log, area.left, area.right);
    const x = (at) => (groups[at].top + groups[at].bottom) / 2;
    x.invert = (height) => Math.max(0, groups.findLastIndex(({ top }) => height >= top));
    Object.assign(drawn, { area, x, y, groups });
    caption(view, drawn, log, yAxis);
    const height = area.bottom + (bars ? 0 : 24);
    set(svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    const data = drawing("g", { class: "data" });
    for (const { name, top } of groups.filter((group) => group.name)) {
      data.append(drawing("text", { class: "name", x: area.left + BESIDE, y: top + HEADING - 10 }, fitted(name, (area.right - area.left) / BOLD)));
    }
    rows.forEach((row, at) => {
      const before = bars ? marker(view.state.targets[row.index].marker, row.index, 6, row.at) : words(names[at], area.left - BESIDE, row.at, "end");
      const shapes = bars ? bar(row, y) : span(view, panel, row, y);
      const end = Math.max(area.left, ...row.values.filter((value) => value !== null).map(y)) + BESIDE;
      const text = row.values.length > 0 && row.values[marked] === null ? "" : figureOf(row);
      const fits = end + textWidth(text) <= width || row.values.length === 0;
      data.append(before, ...shapes, fits ? words(text, end, row.at, "start") : words(text, y(row.values[0]) - BESIDE, row.at, "end"));
    });
    drawn.line = drawing("rect", { class: "spot", x: 0, width, visibility: "hidden" });
    drawn.level = drawing("line", { class: "level", y1: area.top, y2: area.bottom, visibility: "hidden" });
    const values = { ...panel, x: { ...panel.y, log } };
    const ground = bars ? [] : [grid(drawn, values, [yAxis.low, yAxis.high], { ...yAxis, ticks: [] }, area, y, x)];
    svg.replaceChildren(drawn.line, ...ground, data, drawn.level);
  };

  const words = (text, x, y, anchor) => drawing("text", { x: near(x), y, dy: "0.35em", "text-anchor": anchor }, text);

  /** The text, cut where it is wider than the room. */
  const fitted = (text, room) => {
    let end = text.length;
    while (end > 0 && textWidth(`${text.slice(0, end)}${end < text.length ? "…" : ""}`) > room) end -= 1;
    return end < text.length ? `${text.slice(0, end).trimEnd()}…` : text;
  };

  /** A bar from zero, dark up to its first value and pale up to its last. */
  const bar = ({ index, values, at }, y) => {
    const piece = (from, to, opacity) => {
      const shape = drawing("rect", { x: near(from), width: near(Math.max(0, to - from)), y: at - ROW * 0.3, height: ROW * 0.6, "fill-opacity": opacity });
      shape.style.fill = `var(--target-${index})`;
      return shape;
    };
    if (values.length === 0) return [];
    const dark = y(values[0] ?? 0);
    return [piece(y(0), dark, 0.9), piece(dark, y(values.at(-1)), 0.35)];
  };

  /** From a row's first value to its last, thick up to the one that is marked. */
  const span = (view, panel, { index, values, at }, y) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return [];
    const stroke = (name, from, to, height) => {
      const shape = drawing("line", { class: name, x1: near(from), x2: near(to), y1: at - height, y2: at + height });
      shape.style.stroke = `var(--target-${index})`;
      return shape;
    };
    const [from, to, mark] = [y(known[0]), y(known.at(-1)), values[panel.rows.marked]];
    const start = drawing("circle", { cx: near(from), cy: at, r: 2.5 });
    start.style.fill = `var(--target-${index})`;
    const upTo = mark === null ? [] : [stroke("line body", from, y(mark), 0), marker(view.state.targets[index].marker, index, y(mark), at)];
    return [stroke("line", from, to, 0), stroke("line", to, to, 4), start, ...upTo];
  };

  // ---------------------------------------------------------------- reading out

  /** How far from a point the pointer may be, in pixels, for the point to be read. */
  const REACH = 24;

  /**
   * Reads out what stands at a place of the horizontal axis, and shows the same time on the other charts of the run, and
   * the same latency. Null takes all of it away.
   */
  const pointAt = (view, place, level = null, on = view.panels[0]) => {
    const value = place !== null && on.panel.shape === "ways" ? stopNear(view, place) : place;
    [view.cursor, view.on] = [value, on];
    const latency = level !== null && on.panel.y.unit === "time_ns" ? level : null;
    for (const other of view.state.views) {
      const same = other === view || (other.overTime && view.overTime);
      for (const drawn of other.panels) {
        if (!drawn.area) continue;
        const { area } = drawn;
        const here = latency !== null && drawn.panel.y.unit === "time_ns" && drawn.panel.shape !== "outline";
        if (other.rows) {
          spot(drawn, drawn === on ? value : null);
          line(drawn.level, here ? drawn.y(latency) : null, area.left, area.right, "x");
        } else {
          line(drawn.line, same && value !== null ? drawn.x(value) : null, area.left, area.right, "x");
          line(drawn.level, here ? drawn.y(latency) : null, area.top, area.bottom, "y");
          if (same && view.mark !== null && value !== null) select(drawn, drawn.x(view.mark), drawn.x(value));
        }
      }
    }
    if (value === null || !on.area) {
      view.tip.hidden = true;
      return;
    }
    const where = view.mark === null ? [value] : ordered(view.mark, value);
    view.tip.replaceChildren(readOuts(view, where.map((place) => nameOf(on.panel, place)).join(" to "), value, latency));
    view.tip.hidden = false;
    const [svg, frame] = [on.svg, view.tip.offsetParent].map((node) => node.getBoundingClientRect());
    const width = view.tip.offsetWidth;
    const at = on.x(value);
    let [left, top] = [at + 16 + width > on.area.right ? Math.max(0, at - 16 - width) : at + 16, 12];
    // What rows say stands below them, so that they are seen.
    if (view.rows) [left, top] = [Math.min(svg.left - frame.left, frame.width - width), on.groups[value].bottom + 4];
    view.tip.style.left = `${left}px`;
    view.tip.style.top = `${svg.top - frame.top + top}px`;
  };

  /** What a place of the horizontal axis is called, or a place of rows. */
  const nameOf = ({ x, rows, caption: name }, value) => {
    if (rows) return rows.places[value] || name;
    return x.unit === "nines" ? percentile(value) : read(x.unit, value);
  };

  /** Marks the rows of a place; null takes the mark away. */
  const spot = ({ line: shape, groups }, value) => {
    const { top, bottom } = groups[value] ?? { top: 0, bottom: 0 };
    set(shape, { y: top, height: bottom - top, visibility: value === null ? "hidden" : "visible" });
  };

  /** Places of ways that lie closer together than this are one, in parts of either. */
  const PACE = 0.03;

  const apart = (one, other) => Math.abs(Math.log(one / other));

  /** Where something was measured: ways are read out there, and nowhere between. */
  const stopsOf = (view) => {
    const { series: ways } = view.chart.panels[0];
    const places = [...view.state.shown].flatMap((index) => (ways[index] ?? []).flat().map(([at]) => at)).sort((a, b) => a - b);
    return places.filter((at, index) => index === 0 || apart(at, places[index - 1]) >= PACE);
  };

  /** The nearest of them; null of none. */
  const stopNear = (view, place) => {
    const nearer = (best, stop) => (best === null || apart(stop, place) < apart(best, place) ? stop : best);
    return stopsOf(view).reduce(nearer, null);
  };

  const line = (shape, at, low, high, axis) => {
    const seen = at !== null && at >= low - 0.5 && at <= high + 0.5;
    set(shape, seen ? { [`${axis}1`]: at, [`${axis}2`]: at, visibility: "visible" } : { visibility: "hidden" });
  };

  /** More rows would hide the chart that they are of. */
  const ROWS_MAX = 16;

  /**
   * A row for each target that has something to say of the place: its value on each panel, and, of a latency that is pointed
   * at, which share of all took longer. The largest stands first.
   */
  const readOuts = (view, where, value, latency) => {
    // Beside the parts of a row there is no room for it on a telephone.
    const roomy = !view.rows || view.host.clientWidth >= ROOMY_WIDTH;
    const slow = latency === null || !roomy ? null : slower(view.state, latency);
    const columns = columnsOf(view, value);
    const found = [...view.state.shown].map((index) => ({
      index,
      points: columns.map(({ of }) => of(index)),
      slower: slow?.get(index) ?? null,
    })).filter(({ points, slower: share }) => share !== null || points.some((point) => point !== null));
    const height = ({ points }) => Math.max(...points.map((point) => point?.at(-1) ?? -Infinity));
    found.sort((a, b) => height(b) - height(a) || a.index - b.index);
    const head = [
      element("th", { scope: "col" }, where),
      ...columns.map(({ name }) => element("th", { scope: "col", class: "n" }, name)),
      ...(slow ? [element("th", { scope: "col", class: "n" }, `slower than ${read("time_ns", latency)}`)] : []),
    ];
    const rows = found.slice(0, ROWS_MAX).map(({ index, points, slower: share }) => {
      const figures = points.map((point, column) => (point ? spread(columns[column].unit, point) : "–"));
      const target = view.state.targets[index];
      return element("tr", {},
        element("th", { scope: "row" }, sample(target, index), target.name),
        ...[...figures, ...(slow ? [share ?? "–"] : [])].map((text) => element("td", { class: "n" }, text)));
    });
    const rest = found.length - rows.length;
    return element("table", {},
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows),
      ...(rest > 0 ? [element("caption", {}, `and ${rest} more`)] : []));
  };

  /** What a read-out has a column for, with its values of a target: each panel, or each part of a row. */
  const columnsOf = (view, value) => {
    if (view.rows) {
      const { panel } = view.on;
      return panel.rows.parts.map((name, part) => ({
        name,
        unit: panel.y.unit,
        of: (index) => {
          const known = nearest(view.on, index, value)?.[part + 1] ?? null;
          return known === null ? null : [known];
        },
      }));
    }
    const several = view.panels.length > 1;
    if (view.on.panel.shape === "ways") {
      return view.panels.flatMap(({ panel }) => ["up", "down"].map((way, line) => ({
        name: `${panel.caption.split(" ")[0]} ${way}`,
        unit: panel.y.unit,
        of: (index) => panel.series[index]?.[line]?.find(([at]) => apart(at, value) < PACE)?.slice(1) ?? null,
      })));
    }
    return view.panels.map((drawn) => ({
      // A panel's first word tells it from the other: Median, Longest, Failed.
      name: several ? drawn.panel.caption.split(" ")[0] : "",
      unit: drawn.panel.y.unit,
      of: (index) => nearest(drawn, index, value)?.slice(1) ?? null,
    }));
  };

  /** One value, or the smallest and the largest of several. */
  const spread = (unit, values) => [...new Set([values[0], values.at(-1)].map((value) => read(unit, value)))].join(" to ");

  /** The point of a target that the pointer means: on a curve the one it stands on, otherwise the nearest. */
  const nearest = (drawn, index, value) => {
    const { panel, x } = drawn;
    const lines = linesOf(drawn.state, panel, index);
    if (panel.rows) return lines.flat().find(([at]) => at === value) ?? null;
    if (panel.shape === "curve") {
      return lines.flat().filter(([at]) => at <= value + 1e-9).at(-1) ?? null;
    }
    let best = null;
    let distance = panel.shape === "outline" ? Infinity : REACH;
    for (const point of lines.flat()) {
      const away = Math.abs(x(point[0]) - x(value));
      if (away < distance) [best, distance] = [point, away];
    }
    return best;
  };

  /** For each target the share of all its samples that took longer, by the curve by percentile; null where there is none. */
  const slower = (state, ns) => {
    const curves = state.views.map((view) => view.chart.panels[0]).find((panel) => panel.shape === "curve");
    if (!curves) return null;
    return new Map(curves.series.flatMap((_, index) => {
      const points = linesOf(state, curves, index).flat();
      if (points.length === 0) return [];
      const within = points.filter((point) => point.at(-1) <= ns).at(-1);
      return [[index, !within ? "all" : within === points.at(-1) ? "none" : share(10 ** -within[0])]];
    }));
  };

  // ---------------------------------------------------------------- scales and ticks

  const transforms = (log) => (log ? [Math.log10, (value) => 10 ** value] : [(value) => value, (value) => value]);

  /** From values to pixels, and back. */
  const scale = (low, high, log, from, to) => {
    const [forth, back] = transforms(log);
    const [start, span] = [forth(low), forth(high) - forth(low) || 1];
    const place = (value) => from + ((forth(log ? Math.max(value, low) : value) - start) / span) * (to - from);
    place.invert = (at) => back(start + ((at - from) / (to - from)) * span);
    return place;
  };

  const STEPS = [1, 2, 5, 10];

  const niceStep = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    return STEPS.map((step) => step * power).find((step) => step >= rough * (1 - 1e-9));
  };

  const linearTicks = (low, high, unit, count) => {
    const whole = unit === "bytes" ? MIB : 1;
    const step = niceStep(Math.max((high - low) / whole / count, Number.MIN_VALUE)) * whole;
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.min(Math.floor(high / step + 1e-9), first + 64);
    const values = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step);
    return values.map((value) => ({ value, label: tick(unit, value, step, high) }));
  };

  const logTicks = (low, high, unit) => {
    const decades = Math.log10(high / low);
    if (decades < 0.7) return linearTicks(low, high, unit, 5);
    const mantissas = decades < 3.5 ? [1, 2, 5] : [1];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      for (const mantissa of mantissas) {
        const value = mantissa * 10 ** power;
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push({ value, label: tick(unit, value, value, value) });
      }
    }
    return ticks;
  };

  const horizontalTicks = (axis, [low, high], count) => {
    if (axis.unit === "nines") return percentileTicks(low, high);
    if (axis.log) return logTicks(low, high, axis.unit);
    return linearTicks(low, high, axis.unit, Math.max(2, count));
  };

  /** Percentiles that people name; more of them the closer one looks. */
  const percentileTicks = (low, high) => {
    const beyond = high - low < 1.5 ? [1, 0.75, 0.5, 0.25] : [1];
    const ticks = [];
    for (let decade = 0; decade <= 20; decade += 1) {
      for (const part of decade === 0 ? [...new Set([...beyond, 0.5])].sort().reverse() : beyond) {
        const nines = decade - Math.log10(part);
        if (nines >= low - 1e-9 && nines <= high + 1e-9) ticks.push({ value: nines, label: percentile(nines) });
      }
    }
    return ticks;
  };

  // ---------------------------------------------------------------- figures, as figures.rs writes them

  const MIB = 1_048_576;
  const TIMES = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

  const timeUnit = (ns) => TIMES.find(([, length]) => rounded(ns / length) >= 1) ?? ["ns", 1];

  const magnitude = (value) => Math.floor(Math.log10(Math.abs(value)));

  const rounded = (value) => {
    if (value === 0 || !Number.isFinite(value)) return value;
    const decimals = 2 - magnitude(value);
    return decimals <= 0 ? Math.round(value) : Math.round(value * 10 ** decimals) / 10 ** decimals;
  };

  const separated = (value, decimals) => {
    const [whole, fraction] = Math.abs(value).toFixed(Math.min(20, decimals)).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    const sign = value < 0 && /[1-9]/.test(`${whole}${fraction ?? ""}`) ? "−" : "";
    return `${sign}${grouped}${fraction ? `.${fraction}` : ""}`;
  };

  /** Three significant digits, whole from 100 on. */
  const figure = (value) => {
    const short = rounded(value);
    return separated(short, short === 0 || Math.abs(short) >= 100 ? 0 : Math.max(0, 2 - magnitude(short)));
  };

  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

  const share = (part) => `${trimmed(separated(part * 100, part * 100 >= 10 ? 1 : Math.max(1, 2 - magnitude(part * 100 || 1))))} %`;

  /** A place on HdrHistogram's axis as its percentile, with as many nines as tell it from its neighbours. */
  const percentile = (nines) => `${trimmed(separated((1 - 10 ** -nines) * 100, Math.max(1, Math.ceil(nines))))} %`;

  /** A value with its unit. */
  const read = (unit, value) => {
    switch (unit) {
      case "time_ns": {
        const [name, length] = timeUnit(value);
        return `${figure(value / length)} ${name}`;
      }
      case "seconds": return `${trimmed(separated(value, 2))} s`;
      case "per_s": return `${trimmed(figure(value))}/s`;
      case "share": return share(value);
      case "bytes": return `${figure(value / MIB)} MiB`;
      case "change": return `${value > 0 ? "+" : ""}${share(value)}`;
      default: return figure(value);
    }
  };

  /** A tick's label: as many decimals as tell `step` apart, in the unit that suits `top`. */
  const tick = (unit, value, step, top) => {
    const [time, length] = timeUnit(top);
    const [suffix, whole] = {
      time_ns: [` ${time}`, length],
      seconds: [" s", 1],
      per_s: ["/s", 1],
      share: [" %", 0.01],
      bytes: [" MiB", MIB],
      change: [" %", 0.01],
    }[unit] ?? ["", 1];
    if (Math.abs(value) < step * 1e-6) return "0";
    const decimals = Math.max(0, -magnitude((step / whole) * (1 + 1e-9)));
    return `${unit === "change" && value > 0 ? "+" : ""}${separated(value / whole, decimals)}${suffix}`;
  };

  // ---------------------------------------------------------------- ink

  const MARKERS = {
    disc: ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", "full"],
    square: ["M-3.4 -3.4H3.4V3.4H-3.4Z", "full"],
    triangle: ["M0 -4.4L4.4 3.6H-4.4Z", "full"],
    triangle_down: ["M0 4.4L4.4 -3.6H-4.4Z", "full"],
    diamond: ["M0 -5L5 0L0 5L-5 0Z", "full"],
    cross: ["M-3.6 -3.6L3.6 3.6M-3.6 3.6L3.6 -3.6", "open"],
    plus: ["M-4.4 0H4.4M0 -4.4V4.4", "open"],
    ring: ["M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0Z", "open"],
    open_square: ["M-3.4 -3.4H3.4V3.4H-3.4Z", "open"],
    open_triangle: ["M0 -4.4L4.4 3.6H-4.4Z", "open"],
    open_diamond: ["M0 -5L5 0L0 5L-5 0Z", "open"],
  };

  const marker = (name, index, x, y) => {
    const [d, kind] = MARKERS[name];
    const shape = drawing("path", { class: `marker ${kind}`, d, transform: `translate(${near(x)} ${near(y)})` });
    shape.style.stroke = `var(--target-${index})`;
    if (kind === "full") shape.style.fill = `var(--target-${index})`;
    return shape;
  };

  /** A piece of a target's line with its marker, as in a legend. */
  const sample = (target, index) => {
    const line = drawing("line", { class: "line", x1: 0, x2: 28, y1: 7, y2: 7, "stroke-dasharray": target.dash.join(" ") });
    line.style.stroke = `var(--target-${index})`;
    return drawing("svg", { class: "sample", viewBox: "0 0 28 14", "aria-hidden": "true" }, line, marker(target.marker, index, 14, 7));
  };

  const textWidth = (() => {
    const known = new Map();
    const context = document.createElement("canvas").getContext("2d");
    return (text) => {
      if (!known.has(text)) {
        context.font = `${LABEL}px ${getComputedStyle(document.body).fontFamily}`;
        known.set(text, context.measureText(text).width);
      }
      return known.get(text);
    };
  })();

  /** To a tenth of a pixel: finer is not seen. */
  const near = (value) => Math.round(value * 10) / 10;

  // ---------------------------------------------------------------- elements

  const set = (node, attributes) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  const element = (name, attributes, ...children) => {
    const node = set(document.createElement(name), attributes);
    node.append(...children);
    return node;
  };

  // The namespace is read off a chart: spelt out here, it would be the only address in the page.
  const drawing = (name, attributes, ...children) => {
    const node = set(document.createElementNS(document.querySelector("svg").namespaceURI, name), attributes);
    node.append(...children);
    return node;
  };

  page();
})();
