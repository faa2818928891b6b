// The live half of report.html: its charts zoomed, read out, rid of targets, on a linear or a logarithmic scale.
//
// uPlot draws; this file says what, from the page's own data (charts/plot.rs writes it), and makes all of it reachable by
// keys. Without it the page shows the same charts as pictures, and so it does on paper.
"use strict";

(() => {
  const { read, spread, ticks, labels } = figures;

  // ---------------------------------------------------------------- the page

  const page = () => {
    const { runs } = JSON.parse(document.getElementById("data").textContent);
    const views = runs.flatMap((run, index) => liveRun(run, document.getElementById(`run-${index + 1}`), `run-${index + 1}`));
    themeSwitch(() => views.forEach(draw));
    document.querySelectorAll("a[data-gzip]").forEach(unpacked);
    // When the page was ready to be read, for tests. uPlot draws at the end of a turn.
    queueMicrotask(() => performance.mark("drawn"));
  };

  /** A button that turns light into dark and back; until then the system decides. */
  const themeSwitch = (changed) => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const name = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
    const button = pressable("", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
      changed();
    }, { class: "theme" });
    system.addEventListener("change", () => { name(); changed(); });
    name();
    const contents = document.querySelector(".contents");
    if (contents) contents.append(button);
    else document.body.prepend(button);
  };

  /** Makes a link to a compressed file one to the file itself. */
  const unpacked = (link) => {
    const packed = link.href.slice(link.href.indexOf(",") + 1);
    const name = link.download.replace(/\.gz$/, "");
    link.replaceWith(pressable(name, async () => {
      const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      save(name, await new Response(plain).blob());
    }, { class: "link" }));
  };

  const save = (name, blob) => {
    const link = element("a", { download: name, href: URL.createObjectURL(blob) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // ---------------------------------------------------------------- a run

  /** One run: which targets are shown, which stretch of time (null is all of it), and its charts. */
  const liveRun = (run, section, id) => {
    const state = { ...run, id, section, shown: new Set(run.targets.keys()), views: [], time: null, parts: null, say: () => {} };
    state.slices &&= state.slices.map((all) => all.map(([from, to, packed]) => ({ from, to, packed })));
    run.targets.forEach(({ ink }, index) => section.style.setProperty(`--target-${index}`, ink));
    for (const swatch of section.querySelectorAll(".swatch[data-target]")) {
      const { target } = swatch.dataset;
      swatch.replaceWith(sample(run.targets[target], target));
    }
    for (const figure of section.querySelectorAll("figure[data-chart]")) {
      const chart = run.charts[figure.dataset.chart];
      if (chart) state.views.push(liveChart(state, figure, chart));
      else picture(figure);
    }
    const bar = element("div", { class: "targets" });
    if (state.views.length > 0 && run.targets.length > 1) bar.append(targetSwitches(state));
    if (state.views.some(({ overTime }) => overTime)) bar.append(stretchLine(state));
    const heading = section.querySelector(".charts-heading");
    if (bar.hasChildNodes() && heading) heading.after(bar);
    else if (bar.hasChildNodes()) section.querySelector("figure").before(bar);
    state.views.forEach(draw);
    return state.views;
  };

  /** A button for each target, which shows it in every chart or in none. */
  const targetSwitches = (state) => {
    const show = (shown) => {
      state.shown = shown;
      update();
    };
    const buttons = state.targets.map((target, index) =>
      pressable([sample(target, index), target.name], () => show(state.shown.symmetricDifference(new Set([index]))), { class: "target" }));
    const all = pressable("All", () => show(new Set(state.targets.keys())));
    const press = () => {
      buttons.forEach((button, index) => button.setAttribute("aria-pressed", state.shown.has(index)));
      all.disabled = state.shown.size === state.targets.length;
    };
    const update = () => {
      press();
      state.say();
      state.views.forEach(draw);
    };
    press();
    return element("div", { class: "switches", role: "group", "aria-label": "Targets shown in the charts" }, ...buttons, all);
  };

  /** Says which stretch of time is shown, with a button that shows the whole run again. */
  const stretchLine = (state) => {
    const words = element("p", { role: "status" });
    const button = pressable("Whole run", () => lookAt(state, null));
    state.say = () => {
      words.textContent = state.time === null
        ? "All charts show the whole run. To see a stretch of it, drag across a chart over time, or press Enter there at both of its ends."
        : `Charts over time show ${between(state.time)}; curve and histogram: ${distributionWords(state)}.`;
      button.disabled = state.time === null;
    };
    state.say();
    return element("div", { class: "stretch" }, words, button);
  };

  const between = ([from, to]) => `${read("seconds", from)} to ${read("seconds", to)}`;

  /** So many targets are counted one by one; of more, the sum says enough. */
  const COUNTED_MAX = 4;

  /** Whose distribution is shown while a stretch of time is looked at. */
  const distributionWords = ({ parts, shown, targets, samples }) => {
    if (parts === null) return "the whole run, since this record holds no distribution of a part of it";
    const known = ordered(shown).map((index) => ({ name: targets[index].name, ...parts[index] }));
    const within = known.filter((part) => part.slices > 0);
    if (within.length === 0) return `no ${samples} of the targets shown`;
    const ends = [Math.min(...within.map(({ from }) => from)), Math.max(...within.map(({ to }) => to))];
    const share = (parts) => ["count", "of"].map((key) => figures.count(parts.reduce((total, part) => total + part[key], 0))).join(" of ");
    const each = known.length > 1 && known.length <= COUNTED_MAX ? ` (${known.map((part) => `${part.name} ${share([part])}`).join(", ")})` : "";
    return `${samples} from ${between(ends)}, ${share(known)}${each}, times to ${slices.PRECISION}`;
  };

  /** Shows a stretch of time: on the charts over time, and what was timed in it on those of the distribution. */
  const lookAt = (state, stretch) => {
    state.time = stretch;
    const edges = state.views.flatMap(({ chart }) => chart.panels).find((panel) => panel.edges)?.edges ?? null;
    state.parts = stretch && state.slices ? slices.parts(state.slices, stretch, edges) : null;
    state.say();
    state.views.filter((view) => view.overTime || isDistribution(view.chart.panels[0])).forEach(draw);
  };

  const isDistribution = ({ shape }) => shape === "curve" || shape === "outline";

  /** A target's lines on a panel: the picture's own, or what its slices make of the stretch that is looked at. */
  const linesOf = ({ parts }, panel, index) => (parts !== null && isDistribution(panel) ? parts[index][panel.shape] : panel.series[index]) ?? [];

  // ---------------------------------------------------------------- a chart's tools

  const WIDEST = 4;

  /** A chart without data to draw again stays a picture, which can be made wider. */
  const picture = (figure) => {
    const svg = figure.querySelector(".chart svg");
    let width = 1;
    const zoom = (by) => () => {
      width = Math.min(WIDEST, Math.max(1, width * by));
      svg.style.width = `${width * 100}%`;
    };
    figure.prepend(tools(pressable("Zoom in", zoom(1.5)), pressable("Zoom out", zoom(1 / 1.5)), pressable("Whole", zoom(0)), savePicture(figure)));
  };

  const savePicture = (figure) => pressable("Save as SVG", () => {
    const text = new XMLSerializer().serializeToString(figure.querySelector(".chart svg"));
    save(`${figure.dataset.chart}.svg`, new Blob([text], { type: "image/svg+xml" }));
  });

  const tools = (...buttons) => element("div", { class: "tools" }, ...buttons);

  /** Draws a chart's data in the place of its picture. */
  const liveChart = (state, figure, chart) => {
    const { x, x_title: title, shape, rows } = chart.panels[0];
    const view = { state, figure, chart, x, rows, shape, overTime: x.unit === "seconds", log: chart.panels.map(({ y }) => y.log), own: null, mark: null, plots: [] };
    const keys = rows
      ? "The arrows read what it shows, one after the other."
      : "Left and right arrow read values, page up and down those that the axis names; plus and minus zoom, enter at each end of a stretch looks at it, 0 shows the whole.";
    view.host = element("div", { class: `live ${shape}`, tabindex: "0", role: "group", "aria-label": `${chart.title}. ${keys}` });
    view.places = chart.panels.map(() => {
      const [caption, plot] = [element("p", { class: "caption" }), element("div", {})];
      view.host.append(element("div", { class: "panel" }, caption, plot));
      return { caption, plot };
    });
    view.title = element("p", { class: "x-title" }, title);
    view.tip = element("div", { class: "tip", role: "status", hidden: "" });
    view.host.append(...(title ? [view.title] : []), view.tip);
    view.whole = pressable("Whole", () => look(view, null));
    const zooms = rows ? [] : [pressable("Zoom in", () => zoom(view, 0.5)), pressable("Zoom out", () => zoom(view, 2)), view.whole];
    const scale = pressable("Logarithmic", () => {
      view.log.fill(!view.log[0]);
      scale.setAttribute("aria-pressed", view.log[0]);
      draw(view);
    }, { "aria-pressed": view.log[0] });
    // A bar begins at zero.
    figure.prepend(element(figure.closest(".lead") ? "h2" : "h3", {}, chart.title), tools(...zooms, ...(shape === "bars" ? [] : [scale]), savePicture(figure)), view.host);
    figure.querySelector(".chart").classList.add("replaced");
    view.host.addEventListener("keydown", (event) => typed(view, event));
    view.host.addEventListener("blur", () => unmark(view));
    // What is observed is reported at once, when it is drawn already.
    new ResizeObserver(() => { if (view.host.clientWidth !== view.width) draw(view); }).observe(view.host);
    return view;
  };

  // ---------------------------------------------------------------- looking closer

  const windowOf = (view) => (view.overTime ? view.state.time : view.own);

  /** The ends of the horizontal axis as it is looked at. */
  const endsOf = (view) => windowOf(view) ?? [view.x.low, view.x.high];

  /** Looks at a stretch of the horizontal axis; null is all of it. All charts over time share one stretch. */
  const look = (view, stretch) => {
    if (view.overTime) return lookAt(view.state, stretch);
    view.own = stretch;
    return draw(view);
  };

  const transforms = (log) => (log ? [Math.log10, (value) => 10 ** value] : [(value) => value, (value) => value]);
  const clamped = (value, low, high) => Math.min(high, Math.max(low, value));
  const ordered = (values) => [...values].sort((a, b) => a - b);

  /** A stretch is never narrower than this share of the whole axis. */
  const NARROWEST = 1e-4;

  const zoom = (view, by) => {
    const [to, from] = transforms(view.x.log);
    const [low, high] = endsOf(view).map(to);
    const [first, last] = [view.x.low, view.x.high].map(to);
    const middle = view.value == null ? (low + high) / 2 : clamped(to(view.value), low, high);
    const width = Math.max((high - low) * by, (last - first) * NARROWEST);
    if (width >= last - first) return look(view, null);
    const start = clamped(middle - ((middle - low) / (high - low)) * width, first, last - width);
    return look(view, [start, start + width].map(from));
  };

  /** Marks an end of a stretch at the value that is read; at the other end it looks at what lies between. */
  const mark = (view) => {
    if (view.value == null || view.value === view.mark) return;
    if (view.mark !== null) return look(view, ordered([view.mark, view.value]));
    view.mark = view.value;
    pointAt(view, view.value);
  };

  /** Reads out nothing any more, and forgets what was marked. */
  const unmark = (view) => {
    view.mark = null;
    select(view, null);
    pointAt(view, null);
  };

  /** Shows what lies between two values as that which will be looked at. */
  const select = (view, ends) => {
    const same = view.state.views.filter((other) => other === view || (view.overTime && other.overTime));
    for (const u of same.flatMap(({ plots }) => plots)) {
      const [left, right] = ends?.map((value) => u.valToPos(value, view.x.unit)) ?? [0, 0];
      u.setSelect({ left, width: right - left, top: 0, height: ends ? u.over.clientHeight : 0 }, false);
    }
  };

  // ---------------------------------------------------------------- keys

  const typed = (view, event) => {
    const acts = view.rows ? keysOfRows(view) : keysOfAxis(view, event);
    if (!Object.hasOwn(acts, event.key)) return;
    acts[event.key]();
    event.preventDefault();
  };

  /** From one row to the next, over all panels. */
  const keysOfRows = (view) => {
    const places = view.plots.flatMap((u) => u.groups.map(({ middle }) => [middle, u]));
    const now = view.value == null ? null : places.findIndex(([middle, u]) => u === view.on && middle === view.value);
    const go = (to) => {
      if (places.length === 0) return;
      pointAt(view, ...places[clamped(to, 0, places.length - 1)]);
      view.tip.scrollIntoView({ block: "nearest" });
    };
    const forth = () => go(now === null ? 0 : now + 1);
    const back = () => go(now === null ? places.length - 1 : now - 1);
    return {
      ArrowRight: forth, ArrowDown: forth, PageDown: forth, ArrowLeft: back, ArrowUp: back, PageUp: back,
      Home: () => go(0), End: () => go(places.length - 1), Escape: () => unmark(view),
    };
  };

  /** About so many values are named along a horizontal axis by the keys that go from one to the next. */
  const NAMED = 10;

  const keysOfAxis = (view, event) => {
    const [low, high] = endsOf(view);
    const [to, from] = transforms(view.x.log);
    const among = (stops, forth) => {
      const hair = (high - low) * 1e-9;
      const next = view.value == null
        ? stops.at(forth ? 0 : -1)
        : forth ? stops.find((stop) => stop > view.value + hair) : stops.findLast((stop) => stop < view.value - hair);
      if (next !== undefined) pointAt(view, next);
    };
    const measured = () => stopsOf(view).filter((stop) => stop >= low && stop <= high);
    const step = (by) => {
      if (view.shape === "ways") return among(measured(), by > 0);
      const start = to(view.value ?? from((to(low) + to(high)) / 2));
      return pointAt(view, clamped(from(start + (to(high) - to(low)) * by), low, high));
    };
    const named = (forth) => among(view.shape === "ways" ? measured() : ticks(view.x, [low, high], NAMED), forth);
    return {
      PageDown: () => named(true), PageUp: () => named(false),
      ArrowLeft: () => step(event.shiftKey ? -0.1 : -0.01), ArrowRight: () => step(event.shiftKey ? 0.1 : 0.01),
      Home: () => pointAt(view, low), End: () => pointAt(view, high),
      "+": () => zoom(view, 0.5), "-": () => zoom(view, 2), 0: () => look(view, null),
      Enter: () => mark(view), Escape: () => unmark(view),
    };
  };

  /** Puts the cursor at a place of the horizontal axis, as a pointer would. Null takes it away. */
  const pointAt = (view, value, u = view.plots[0]) => {
    if (!u) return;
    view.state.section.classList.add("by-keys");
    view.typed = value;
    const at = value === null ? -10 : clamped(u.valToPos(value, view.x.unit), 0, view.rows ? u.over.clientHeight : u.over.clientWidth);
    u.setCursor(view.rows ? { left: 0, top: at } : { left: at, top: value === null ? -10 : 0 }, true, true);
    view.typed = undefined;
  };

  // ---------------------------------------------------------------- drawing

  /** Narrower than this, in pixels, is a telephone. */
  const ROOMY_WIDTH = 560;
  /** Names of ticks have room for so many pixels left of a chart. */
  const LEFT = 76;
  const RIGHT = 26;

  /** Draws a chart as its reader asks; what was drawn of it before is thrown away. */
  const draw = (view) => {
    const { state, host, chart } = view;
    view.plots.forEach((u) => u.destroy());
    Object.assign(view, { plots: [], width: host.clientWidth, value: null, mark: null, whole: Object.assign(view.whole, { disabled: windowOf(view) === null }) });
    view.tip.hidden = true;
    if (view.width === 0) return;
    const font = getComputedStyle(host);
    const inks = new Map(["ink", "quiet", "paper", "grid", "axis", ...state.shown].map((name) => {
      host.style.color = `var(--${Number.isInteger(name) ? "target-" : ""}${name})`;
      return [name, font.color];
    }));
    host.style.color = "";
    // Of rows the switch turns the axis below, otherwise the one beside it.
    view.title.textContent = scaled(view.title.textContent, view.rows ? view.log[0] : view.x.log);
    view.plots = chart.panels.map((panel, index) => {
      const room = { view, panel, index, inks, log: view.log[index], font: `12px ${font.fontFamily}`, width: view.places[index].plot.clientWidth };
      return Object.assign(new uPlot(...(view.rows ? rowsOf(room) : axesOf(room)), view.places[index].plot), room);
    });
    view.plots.forEach((u) => {
      u.over.addEventListener("pointermove", () => state.section.classList.remove("by-keys"));
      for (const kind of ["down", "move", "up"]) u.over.addEventListener(`pointer${kind}`, (event) => fingers(event, kind));
    });
    // What is drawn, for tests.
    host.plots = view.plots;
  };

  /** uPlot follows a mouse; a finger that goes across a chart is one. */
  const fingers = (event, kind) => {
    if (event.pointerType !== "mouse") event.currentTarget.dispatchEvent(new MouseEvent(`mouse${kind}`, { bubbles: true, clientX: event.clientX, clientY: event.clientY }));
  };

  const scaled = (text, log) => text.replace(/(linear|logarithmic) scale/, log ? "logarithmic scale" : "linear scale");

  const caption = ({ view, panel, index, log, scales }) => {
    const { time } = view.state;
    const top = scales[panel.y.unit].max;
    const references = panel.references.map(({ value, meaning }) => `${meaning}${value > top ? " (above this chart)" : ""}`);
    const across = panel.references.some(({ at }) => at !== undefined) ? "Dotted at its percentile" : "Dotted across";
    const said = [
      scaled(panel.note, log),
      references.length > 0 ? `${across}: ${references.join(", ")}` : "",
      time && panel.epochs ? `Full dots: samples from ${between(time)}` : "",
    ].filter(Boolean);
    view.places[index].caption.replaceChildren(element("strong", {}, scaled(panel.caption, log)), ` ${said.join(". ")}`,
      ...(time && isDistribution(panel) ? [element("span", { class: "part" }, `Shown: ${distributionWords(view.state)}.`)] : []));
  };

  /** What every chart of ours asks of uPlot. */
  const options = ({ view, panel, width, inks, font }, own) => ({
    width, legend: { show: false }, scales: {}, ...own,
    cursor: {
      points: { show: false },
      drag: { x: !view.rows, y: false, setScale: false },
      bind: { dblclick: () => () => { look(view, null); } },
      sync: {
        key: view.state.id, scales: [view.x.unit, panel.y.unit],
        // A stretch is dragged out on charts of the same axis only.
        filters: { sub: (kind, { series: [{ scale }] }) => kind === "mousemove" || scale === view.x.unit },
      },
      ...own.cursor,
    },
    axes: own.axes.map((axis) => ({ stroke: inks.get("quiet"), font, gap: 4, grid: { stroke: inks.get("grid"), width: 1 }, ticks: { show: false }, border: { show: true, stroke: inks.get("axis"), width: 1 }, ...axis })),
    hooks: { ...own.hooks, drawAxes: [caption, (u) => onPlot(u, (paper) => ground(paper, u))], draw: [(u) => onPlot(u, (paper) => above(paper, u))], setCursor: [readOut] },
  });

  /** The scale and the ticks of values: the picture's own where all of the same is seen, otherwise those of what is seen. */
  const values = ({ view, panel, log }) => {
    const { y } = panel;
    const whole = windowOf(view) === null && (view.state.parts === null || !isDistribution(panel)) && view.state.shown.size === view.state.targets.length && log === y.log;
    /** A reference is drawn where it stretches a linear axis at most so many times, a logarithmic one by its square. */
    const stretch = log ? 9 : 3;
    const range = (_, least, most) => {
      if (whole) return [y.low, y.high];
      if (least === null) return [log ? Math.max(y.low, y.high / 1e3) : y.low, y.high];
      const high = Math.max(most * 1.02, ...panel.references.map(({ value }) => value).filter((value) => value <= most * stretch));
      // What the picture leaves on the ground stays there: the room is for telling tails apart.
      const low = log ? Math.max(least * 0.98, y.log ? y.low : 0) : Math.min(0, least);
      return low < high ? [low, high] : [low, low + Math.max(Math.abs(low) * 0.05, Number.MIN_VALUE)];
    };
    const axis = { ...y, log };
    return { scale: { distr: log ? 3 : 1, range }, axis: { ...ticked(axis, 5), of: axis } };
  };

  /** An axis with ticks as figures.js has them. */
  const ticked = (axis, count) => ({
    scale: axis.unit,
    splits: (_, __, low, high) => ticks(axis, [low, high], count),
    filter: (_, all) => all,
    values: (_, all) => labels(axis, all),
  });

  /** The names of ticks; one that has no room is left out. */
  const spaced = (axis, font) => (u, all) => {
    let free = -Infinity;
    return labels(axis, all).map((text, at) => {
      const [place, half] = [u.valToPos(all[at], axis.unit), textWidth(text, font) / 2];
      if (place - half < free) return "";
      free = place + half + 8;
      return text;
    });
  };

  /** Lines over a horizontal axis. */
  const axesOf = (room) => {
    const { view, panel, width, index } = room;
    const { state, x } = view;
    const tall = view.chart.panels.length === 1 || (panel.shape === "ways" && index === 0);
    const tables = [];
    const series = [];
    for (const target of state.shown) {
      linesIn(panel, linesOf(state, panel, target)).forEach(({ points, beyond }) => {
        tables.push(tabled(points));
        series.push({ scale: panel.y.unit, target, beyond, points: { show: false }, ...strokeOf(room, target, beyond) });
      });
    }
    const { scale, axis } = values(room);
    return [options(room, {
      height: (tall ? 320 : 200) * (width < ROOMY_WIDTH ? 0.8 : 1),
      padding: [8, RIGHT, 0, 0],
      scales: { [x.unit]: { time: false, distr: x.log ? 3 : 1, range: () => endsOf(view) }, [panel.y.unit]: scale },
      series: [{ scale: x.unit }, ...series],
      axes: [{ ...ticked(x, Math.max(2, (width - LEFT - RIGHT) / 90)), values: spaced(x, room.font), size: 24 }, { ...axis, size: LEFT }],
      cursor: panel.shape === "ways" ? { move: (u, left, top) => [left < 0 ? left : u.valToPos(stopNear(view, u.posToVal(left, x.unit)) ?? -1, x.unit), top] } : {},
      hooks: {
        setSelect: [(u) => {
          const { left, width } = u.select;
          // The chart itself must not be thrown away while it hands on what its pointer did.
          if (u.cursor.event && width >= DRAG_MIN) queueMicrotask(() => look(view, [left, left + width].map((at) => u.posToVal(at, x.unit))));
          else if (u.cursor.event) select(view, null);
        }],
      },
    }), tables.length > 0 ? uPlot.join(tables, tables.map(() => [GAP, GAP])) : [[]]];
  };

  /** A gap of one target goes on over what others measured in it: uPlot's NULL_EXPAND. */
  const GAP = 2;

  /** Less than this is a click and not a drag, in pixels. */
  const DRAG_MIN = 8;

  /** Lines as uPlot joins them: those of a curve, or of a sweep's ways, are two, others have gaps between. */
  const linesIn = ({ shape }, lines) => (shape === "curve" || shape === "ways"
    ? lines.map((line, at) => ({ points: line, beyond: at === 1 }))
    : [{ points: lines.flatMap((line) => (line.length > 0 ? [...line, [null, null]] : [])), beyond: false }]);

  /** Points as columns. One that stands for neighbours is their smallest and their largest value; a gap stands right behind a line. */
  const tabled = (points) => {
    const [xs, ys] = [[], []];
    const take = (x, y) => {
      // Bins have two values at an edge, of which the later begins there.
      if (x === xs.at(-1)) ys[ys.length - 1] = y;
      else [xs[xs.length], ys[ys.length]] = [x, y];
    };
    points.forEach(([x, ...of], at) => {
      if (x === null) {
        if (at < points.length - 1) take(after(xs.at(-1)), null);
        return;
      }
      const [first, second] = at % 2 === 1 ? of.toReversed() : of;
      take(x, first);
      if (second !== undefined && second !== first) take(after(x), second);
    });
    return [xs, ys];
  };

  /** So little further right that nobody sees it. */
  const after = (x) => x + Math.max(Math.abs(x), 1) * 1e-9;

  /** More filled shapes than this on top of one another turn to mud. */
  const FILLED_MAX = 3;

  const strokeOf = ({ view, panel, inks }, target, beyond) => {
    const stroke = inks.get(target);
    if (beyond) return { stroke, width: 1.25, dash: [1.5, 3] };
    const own = { stroke, width: 1.75, dash: panel.shape === "curve" || panel.shape === "outline" ? view.state.targets[target].dash : [] };
    if (panel.shape === "impulses") return { ...own, paths: impulses };
    if (panel.shape !== "outline") return own;
    return { ...own, paths: uPlot.paths.stepped({ align: 1 }), ...(view.state.shown.size <= FILLED_MAX ? { fill: stroke.replace(")", " / 0.12)").replaceAll(",", " ") } : {}) };
  };

  /** A stroke from the ground for each value. */
  const impulses = (u, at, first, last) => {
    const stroke = new Path2D();
    for (let index = first; index <= last; index += 1) {
      if (u.data[at][index] == null) continue;
      const x = u.valToPos(u.data[0][index], u.series[0].scale, true);
      stroke.moveTo(x, u.bbox.top + u.bbox.height);
      stroke.lineTo(x, u.valToPos(u.data[at][index], u.series[at].scale, true));
    }
    return { stroke };
  };

  /** Hands out the plot's own area to be drawn on, in pixels of the page. */
  const onPlot = (u, paint) => {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    const [width, height] = [bbox.width / ratio, bbox.height / ratio];
    ctx.save();
    ctx.setTransform(ratio, 0, 0, ratio, bbox.left, bbox.top);
    const line = (ink, thick, dash, ...points) => {
      Object.assign(ctx, { strokeStyle: ink, lineWidth: thick });
      ctx.setLineDash(dash);
      ctx.beginPath();
      points.forEach((point) => ctx.lineTo(...point));
      ctx.stroke();
    };
    const fill = (ink, alpha, path) => {
      Object.assign(ctx, { fillStyle: ink, globalAlpha: alpha });
      ctx.fill(path);
      ctx.globalAlpha = 1;
    };
    const text = (said, x, y, { align = "left", ink = u.inks.get("quiet"), font = u.font } = {}) => {
      Object.assign(ctx, { fillStyle: ink, font, textAlign: align, textBaseline: "middle" });
      ctx.fillText(said, x, y);
    };
    paint({ ctx, width, height, line, fill, text, clip: () => { ctx.beginPath(); ctx.rect(0, -6, width, height + 12); ctx.clip(); } });
    ctx.restore();
  };

  const shapeOf = (make) => {
    const path = new Path2D();
    make(path);
    return path;
  };
  const box = (...place) => shapeOf((path) => path.rect(...place));
  const dot = (x, y, radius) => shapeOf((path) => path.arc(x, y, radius, 0, 7));

  const placesOf = (u) => [(value) => u.valToPos(value, u.view.x.unit), (value) => u.valToPos(value, u.panel.y.unit)];

  /** How far a reference that is about one place reaches to both sides of it, in pixels. */
  const AROUND = 48;

  /** What lies behind lines: references, and a target's upright with its interval, and what was measured one by one. */
  const ground = ({ width, height, line, fill, clip }, u) => {
    const { view, panel, inks } = u;
    const [x, y] = placesOf(u);
    clip();
    for (const { value, at } of panel.references) {
      const [from, to] = at === undefined ? [0, width] : [x(at) - AROUND, x(at) + AROUND];
      if (view.rows) line(inks.get("ink"), 1.25, [1.5, 3], [y(value), 0], [y(value), height]);
      else line(inks.get("ink"), 1.25, [1.5, 3], [from, y(value)], [to, y(value)]);
    }
    for (const index of view.state.shown) {
      const { at, interval } = panel.uprights?.[index] ?? {};
      if (interval) fill(inks.get(index), 0.16, box(x(interval[0]), 0, Math.max(1, x(interval[1]) - x(interval[0])), height));
      if (at) line(inks.get(index), 1.25, [9, 4], [x(at), 0], [x(at), height]);
      (panel.dots?.[index] ?? []).forEach(([place, ...of]) => of.forEach((value) => fill(inks.get(index), 0.35, dot(x(place), y(value), 2))));
    }
  };

  /** Markers of a target stand at least so far apart, in pixels; further where more than so many targets share the room. */
  const MARKERS_APART = 60;
  const ROOMY = 4;
  /** Where half of all lies on the axis of percentiles. What is faster shares the left edge, and has no room for markers. */
  const MEDIAN_NINES = Math.log10(2);
  /** Bins below this share of a target's highest carry no marker. */
  const MARKED_MIN = 0.02;

  /** What lies over lines: the names of uprights, markers, and the epochs one by one; or rows. */
  const above = (paper, u) => {
    const { view, panel, inks } = u;
    const { state } = view;
    if (view.rows) return drawRows(paper, u);
    const [x, y] = placesOf(u);
    if (u.index === 0) uprightNames(paper, u, x);
    paper.clip();
    const apart = MARKERS_APART * Math.max(1, state.targets.length / ROOMY);
    for (const index of state.shown) {
      const all = linesOf(state, panel, index);
      const lines = panel.shape === "curve" || panel.shape === "ways" ? all.slice(0, 1) : all;
      const highest = panel.shape === "outline" ? Math.max(0, ...lines.flat().map((point) => point[1])) : 0;
      let free = (panel.shape === "curve" ? Math.max(0, x(MEDIAN_NINES)) : 0) + (index * apart) / state.targets.length;
      for (const line of lines) {
        for (const point of line) {
          const at = x(point[0]);
          const seen = at >= -1 && at <= paper.width + 1 && (highest === 0 || point[1] > highest * MARKED_MIN);
          if (!seen || (at < free && line.length > 1)) continue;
          marker(paper, u, index, at, y(point.at(-1)));
          free = at + apart;
        }
      }
    }
    curveNames(paper, u, x, y);
    for (const { at, series } of panel.epochs ?? []) {
      const step = Math.min(7, 44 / Math.max(1, series.length - 1));
      for (const index of x(at) >= 0 ? state.shown : []) {
        for (const [time, ...of] of series[index] ?? []) {
          const within = state.time === null || (time >= state.time[0] && time <= state.time[1]);
          of.forEach((value) => paper.fill(inks.get(index), within ? 0.35 : 0.06, dot(x(at) + 12 + index * step, y(value), 2.25)));
        }
      }
    }
    return undefined;
  };

  /** Names of curves stand at least so far apart. */
  const NAMES_APART = 15;
  /** More of them would hide the curves. */
  const CURVES_NAMED_MAX = 6;

  /** The name of each target where its curve is believed no further, if few share the room. */
  const curveNames = (paper, u, x, y) => {
    const { state } = u.view;
    if (u.panel.shape !== "curve" || state.shown.size > CURVES_NAMED_MAX) return;
    const ends = [...state.shown].flatMap((index) => {
      const end = linesOf(state, u.panel, index)[0]?.at(-1);
      return end ? [{ index, right: clamped(x(end[0]), 0, paper.width) - BESIDE, top: y(end.at(-1)) - NAMES_APART }] : [];
    });
    const font = `600 ${u.font}`;
    let free = Infinity;
    for (const { index, right, top } of ends.toSorted((a, b) => b.top - a.top)) {
      free = Math.max(8, Math.min(top, free - NAMES_APART));
      const { name } = state.targets[index];
      paper.text(name, right, free, { align: "right", ink: u.inks.get("ink"), font });
      marker(paper, u, index, right - textWidth(name, font) - BESIDE, free);
    }
  };

  /** What the uprights are, on the side of all of them where there is more room; each on a line of its own. */
  const uprightNames = (paper, u, x) => {
    const shown = ordered(u.view.state.shown).map((index) => ({ index, ...u.panel.uprights?.[index] }));
    const known = shown.filter(({ at }) => at && x(at) >= 0 && x(at) <= paper.width);
    const places = known.flatMap(({ at, interval }) => [at, ...(interval ?? [])]).map(x);
    const [before, behind] = [Math.min(...places), paper.width - Math.max(...places)];
    const [side, align, place] = before < behind ? [1, "left", Math.max(...places)] : [-1, "right", Math.min(...places)];
    const font = `600 ${u.font}`;
    known.forEach(({ index, label }, line) => {
      const [at, height] = [place + side * (BESIDE + LEGEND), 10 + 16 * line];
      paper.text(fitted(label, Math.max(before, behind) - BESIDE - LEGEND, font), at, height, { align, ink: u.inks.get("ink"), font });
      marker(paper, u, index, place + side * (BESIDE + LEGEND / 2 - 2), height);
    });
  };

  // ---------------------------------------------------------------- rows

  const ROW = 20;
  const HEADING = 28;
  /** Names beside rows take at most this share of the width. */
  const NAMES_MAX = 0.3;
  /** A marker before a text takes so much room. */
  const LEGEND = 14;
  /** Beside a row's ink stands its figure, so far away. */
  const BESIDE = 8;
  /** Left of bars stands their target's marker. */
  const BEFORE_BARS = 18;

  /** Rows one under the other: at each place what it is about, and a row for each target that is shown. Values go to the right. */
  const rowsOf = (room) => {
    const { view, panel, width, font } = room;
    const { targets, shown } = view.state;
    const bars = panel.shape === "bars";
    let bottom = 0;
    room.groups = panel.rows.places.map((name, place) => {
      const top = bottom;
      bottom += name ? HEADING : 0;
      const rows = ordered(shown).flatMap((target) => {
        const values = panel.series[target]?.flat().find(([at]) => at === place)?.slice(1);
        return values ? [{ target, values, at: (bottom += ROW) - ROW / 2 }] : [];
      });
      return { name, place, top, bottom, rows, middle: (top + bottom) / 2 };
    });
    bottom = Math.max(bottom, ROW);
    const rows = room.groups.flatMap((group) => group.rows);
    const widest = (texts) => Math.ceil(Math.max(0, ...texts.map((text) => textWidth(text, font))));
    const names = rows.map(({ target }) => fitted(targets[target].name, width * NAMES_MAX, font));
    const known = ({ values }) => values.filter((value) => value !== null);
    const ends = (pick) => rows.map((row) => (known(row).length > 0 ? pick(...known(row)) : null));
    const { scale, axis } = values(room);
    const plain = { scale: panel.y.unit, paths: () => null, points: { show: false } };
    return [options(room, {
      height: bottom + (bars ? 0 : 24),
      padding: bars ? [0, widest(rows.map((row) => figureOf(panel, row))) + BESIDE + 4, 0, BEFORE_BARS] : [0, RIGHT, 0, 0],
      scales: { [view.x.unit]: { time: false, ori: 1, dir: -1, range: () => [0, bottom] }, [panel.y.unit]: { ...scale, ori: 0 } },
      series: [{ scale: view.x.unit }, plain, plain],
      axes: [
        { scale: view.x.unit, side: 3, splits: () => rows.map(({ at }) => at), filter: (_, all) => all, values: () => names, size: bars ? 0 : widest(names) + 10, grid: { show: false }, show: !bars },
        { ...axis, values: spaced(axis.of, font), side: 2, size: 24, show: !bars },
      ],
    }), [rows.map(({ at }) => at), ends(Math.min), ends(Math.max)]];
  };

  const figureOf = ({ y, rows: { marked, without } }, { values }) =>
    (values.length === 0 ? without : values[marked] === null ? "" : read(y.unit, values[marked]));

  const drawRows = (paper, u) => {
    const { panel, inks } = u;
    const [, y] = placesOf(u);
    const bold = `600 ${u.font}`;
    for (const { name, top, rows } of u.groups) {
      if (name) paper.text(fitted(name, paper.width - BESIDE, bold), BESIDE, top + HEADING - 12, { ink: inks.get("ink"), font: bold });
      for (const row of rows) {
        const known = row.values.filter((value) => value !== null);
        if (known.length > 0) (panel.shape === "bars" ? bar : span)(paper, u, row, known.map(y), y);
        if (panel.shape === "bars") marker(paper, u, row.target, 6 - BEFORE_BARS, row.at);
        const [text, end] = [figureOf(panel, row), Math.max(0, ...known.map(y)) + BESIDE];
        const fits = end + textWidth(text, u.font) <= paper.width + RIGHT || panel.shape === "bars" || known.length === 0;
        paper.text(text, fits ? end : y(known[0]) - BESIDE, row.at, { align: fits ? "left" : "right" });
      }
    }
  };

  /** A bar from zero, dark up to its first value and pale up to its last. */
  const bar = ({ fill }, { inks }, { target, at }, places, y) => {
    const piece = (from, to, alpha) => fill(inks.get(target), alpha, box(from, at - ROW * 0.3, Math.max(0, to - from), ROW * 0.6));
    piece(y(0), places[0], 0.9);
    piece(places[0], places.at(-1), 0.35);
  };

  /** From a row's first value to its last, thick up to the one that is marked. */
  const span = (paper, u, { target, values, at }, places, y) => {
    const [ink, from, to, mark] = [u.inks.get(target), places[0], places.at(-1), values[u.panel.rows.marked]];
    paper.line(ink, 1.75, [], [from, at], [to, at]);
    paper.line(ink, 1.75, [], [to, at - 4], [to, at + 4]);
    paper.fill(ink, 1, dot(from, at, 2.5));
    if (mark === null) return;
    paper.ctx.globalAlpha = 0.45;
    paper.line(ink, 4, [], [from, at], [y(mark), at]);
    paper.ctx.globalAlpha = 1;
    marker(paper, u, target, y(mark), at);
  };

  // ---------------------------------------------------------------- reading out

  /** Reads out what stands where a chart is pointed at. uPlot shows the same time on the other charts of the run, and the same latency. */
  const readOut = (u) => {
    const { view, panel } = u;
    // Another chart is pointed at.
    if (!view || (u.cursor.event == null && view.typed === undefined)) return;
    const { left, top } = u.cursor;
    const [along, across] = view.rows ? [top, left] : [left, top];
    if (along < 0) {
      [view.value, view.tip.hidden] = [null, true];
      if (view.rows) u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      return;
    }
    const pointed = view.typed ?? u.posToVal(along, view.x.unit);
    const group = u.groups?.findLast((group) => pointed >= group.top);
    const value = group?.middle ?? (view.shape === "ways" ? stopNear(view, pointed) : pointed);
    [view.value, view.on] = [value, u];
    if (value === null) return;
    if (group) u.setSelect({ left: 0, width: u.over.clientWidth, top: group.top, height: group.bottom - group.top }, false);
    else if (view.mark !== null) select(view, ordered([view.mark, value]));
    const latency = view.typed === undefined && panel.y.unit === "time_ns" ? u.posToVal(across, "time_ns") : null;
    const ends = view.mark === null ? [value] : ordered([view.mark, value]);
    const where = group ? group.name || panel.caption : ends.map((at) => read(view.x.unit, at)).join(" to ");
    view.tip.replaceChildren(readOuts(u, where, group?.place ?? value, latency));
    view.tip.hidden = false;
    const [plot, frame] = [u.over, view.host].map((node) => node.getBoundingClientRect());
    const [from, width] = [plot.left - frame.left, view.tip.offsetWidth];
    const at = from + u.valToPos(value, view.x.unit);
    const beside = at + 16 + width > frame.width ? Math.max(0, at - 16 - width) : at + 16;
    // What rows say stands below them, so that they are seen.
    view.tip.style.left = `${group ? Math.max(0, Math.min(from, frame.width - width)) : beside}px`;
    view.tip.style.top = `${plot.top - frame.top + (group ? group.bottom + 4 : 4)}px`;
  };

  /** Places of ways that lie closer together than this are one, in parts of either. */
  const PACE = 0.03;

  const apart = (one, other) => Math.abs(Math.log(one / other));

  /** Where something was measured: ways are read out there, and nowhere between. */
  const stopsOf = (view) => {
    const { series: ways } = view.chart.panels[0];
    const places = ordered([...view.state.shown].flatMap((index) => (ways[index] ?? []).flat().map(([at]) => at)));
    return places.filter((at, index) => index === 0 || apart(at, places[index - 1]) >= PACE);
  };

  /** The nearest of them; null of none. */
  const stopNear = (view, place) => stopsOf(view).reduce((best, stop) => (best === null || apart(stop, place) < apart(best, place) ? stop : best), null);

  /** More rows would hide the chart that they are of. */
  const ROWS_MAX = 16;

  /**
   * A row for each target that has something to say of the place: its value on each panel, and, of a latency that is pointed
   * at, which share of all took longer. The largest stands first.
   */
  const readOuts = (u, where, value, latency) => {
    const { view } = u;
    const { targets, shown } = view.state;
    // Beside the parts of a row there is no room for it on a telephone.
    const slow = latency === null || (view.rows && view.width < ROOMY_WIDTH) ? null : slower(view.state, latency);
    const columns = columnsOf(u, value);
    const height = ({ points }) => Math.max(...points.map((point) => point?.at(-1) ?? -Infinity));
    const found = [...shown].map((index) => ({ index, points: columns.map(({ of }) => of(index)), slower: slow?.get(index) ?? null }))
      .filter(({ points, slower: share }) => share !== null || points.some((point) => point !== null))
      .sort((a, b) => height(b) - height(a) || a.index - b.index);
    const headings = [...columns.map(({ name }) => name), ...(slow ? [`slower than ${read("time_ns", latency)}`] : [])];
    const rows = found.slice(0, ROWS_MAX).map(({ index, points, slower: share }) => {
      const cells = [...points.map((point, column) => (point ? spread(columns[column].unit, point) : "–")), ...(slow ? [share ?? "–"] : [])];
      return element("tr", {},
        element("th", { scope: "row" }, sample(targets[index], index), targets[index].name),
        ...cells.map((text) => element("td", { class: "n" }, text)));
    });
    return element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, where), ...headings.map((name) => element("th", { scope: "col", class: "n" }, name)))),
      element("tbody", {}, ...rows),
      ...(found.length > rows.length ? [element("caption", {}, `and ${found.length - rows.length} more`)] : []));
  };

  /** What a read-out has a column for, with its values of a target: each panel, or each part of a row. */
  const columnsOf = (u, value) => {
    const { view, panel } = u;
    if (view.rows) {
      return panel.rows.parts.map((name, part) => ({
        name,
        unit: panel.y.unit,
        of: (index) => {
          const known = panel.series[index]?.flat().find(([at]) => at === value)?.[part + 1] ?? null;
          return known === null ? null : [known];
        },
      }));
    }
    // A panel's first word tells it from the other: Median, Longest, Failed.
    const named = view.plots.map((of) => [of, of.panel.caption.split(" ")[0], of.panel.y.unit]);
    if (panel.shape === "ways") {
      return named.flatMap(([of, name, unit]) => ["up", "down"].map((way, line) => ({
        name: `${name} ${way}`,
        unit,
        of: (index) => of.panel.series[index]?.[line]?.find(([at]) => apart(at, value) < PACE)?.slice(1) ?? null,
      })));
    }
    return named.map(([of, name, unit]) => ({ name: named.length > 1 ? name : "", unit, of: (index) => nearest(of, index, value) }));
  };

  /** How far from a point the pointer may be, in pixels, for the point to be read. */
  const REACH = 24;

  /** The values of a target that the pointer means: on a curve those it stands on, otherwise the nearest. */
  const nearest = (u, index, value) => {
    const { view, panel } = u;
    const points = linesOf(view.state, panel, index).flat();
    if (panel.shape === "curve") return points.filter(([at]) => at <= value + 1e-9).at(-1)?.slice(1) ?? null;
    const [x] = placesOf(u);
    const away = (point) => Math.abs(x(point[0]) - x(value));
    const reach = panel.shape === "outline" ? Infinity : REACH;
    const best = points.reduce((best, point) => (best === null || away(point) < away(best) ? point : best), null);
    return best !== null && away(best) < reach ? best.slice(1) : null;
  };

  /** For each target the share of all its samples that took longer, by the curve by percentile; null where there is none. */
  const slower = (state, ns) => {
    const curves = state.views.map((view) => view.chart.panels[0]).find((panel) => panel.shape === "curve");
    if (!curves) return null;
    return new Map(curves.series.flatMap((_, index) => {
      const points = linesOf(state, curves, index).flat();
      if (points.length === 0) return [];
      const within = points.filter((point) => point.at(-1) <= ns).at(-1);
      return [[index, !within ? "all" : within === points.at(-1) ? "none" : figures.share(10 ** -within[0])]];
    }));
  };

  // ---------------------------------------------------------------- ink

  /** A marker's contour around a place, and whether it is filled with its target's ink, with paper, or not at all. */
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

  const marker = ({ ctx }, { view, inks }, index, x, y) => {
    const [contour, kind] = MARKERS[view.state.targets[index].marker];
    const path = new Path2D(contour);
    ctx.save();
    ctx.translate(x, y);
    Object.assign(ctx, { strokeStyle: inks.get(index), fillStyle: inks.get(kind === "full" ? index : "paper"), lineWidth: 1.5 });
    ctx.setLineDash([]);
    ctx.fill(path);
    ctx.stroke(path);
    ctx.restore();
  };

  /** A piece of a target's line with its marker, as in a legend. */
  const sample = (target, index) => {
    const [contour, kind] = MARKERS[target.marker];
    const line = drawing("line", { x1: 0, x2: 28, y1: 7, y2: 7, "stroke-dasharray": target.dash.join(" ") });
    const shape = drawing("path", { class: kind, d: contour, transform: "translate(14 7)" });
    const svg = drawing("svg", { class: "sample", viewBox: "0 0 28 14", "aria-hidden": "true" }, line, shape);
    svg.style.color = `var(--target-${index})`;
    return svg;
  };

  const textWidth = (() => {
    const context = document.createElement("canvas").getContext("2d");
    return (text, font) => {
      context.font = font;
      return context.measureText(text).width;
    };
  })();

  /** The text, cut where it is wider than the room. */
  const fitted = (text, room, font) => {
    let end = text.length;
    while (end > 0 && textWidth(`${text.slice(0, end)}${end < text.length ? "…" : ""}`, font) > room) end -= 1;
    return end < text.length ? `${text.slice(0, end).trimEnd()}…` : text;
  };

  // ---------------------------------------------------------------- elements

  const set = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  const element = (name, attributes, ...children) => set(document.createElement(name), attributes, children);

  const pressable = (content, act, attributes = {}) => {
    const button = element("button", { type: "button", ...attributes }, ...[content].flat());
    button.addEventListener("click", act);
    return button;
  };

  // The namespace is read off a picture: spelt out here, it would be an address in the page.
  const drawing = (name, attributes, ...children) =>
    set(document.createElementNS(document.querySelector("svg").namespaceURI, name), attributes, children);

  page();
})();
