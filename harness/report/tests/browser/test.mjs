// Reads made-up reports in Debian's Chromium: nothing asked of anyone, everything drawn, everything of use by mouse, keyboard
// and without JavaScript, on a telephone and on a desk, in light and dark.
//
// `cargo run -p report --example pages target/browser/pages` writes the pages; screenshots go to `target/screenshots`.

import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

import axe from "axe-core";
import { chromium } from "playwright-core";

const OUT = fileURLToPath(new URL("../../../../target/browser/", import.meta.url));
const PAGES = join(OUT, "pages");
const SCREENSHOTS = fileURLToPath(new URL("../../../../target/screenshots/", import.meta.url));
/** The longest page that is still read at once; an hour of eleven targets must stay below it. */
const HOUR_BYTES_MAX = 4.5 * 1000 * 1000;
const NARROW = { width: 390, height: 844 };
const MIDDLE = { width: 768, height: 1024 };
const WIDE = { width: 1440, height: 900 };
/** What margins of a centimetre leave of A4. */
const SHEET = { width: 718, height: 1047 };
/** What pages are photographed in. Colours are the same in every width, and what is there in every window: axe, which takes longest, searches
 * two in which both widths and both schemes are. */
const WINDOWS = [
  { size: "narrow", viewport: NARROW, colorScheme: "light" },
  { size: "narrow", viewport: NARROW, colorScheme: "dark", isSearched: true },
  { size: "middle", viewport: MIDDLE, colorScheme: "light" },
  { size: "wide", viewport: WIDE, colorScheme: "light", isSearched: true },
  { size: "wide", viewport: WIDE, colorScheme: "dark" },
];
/** Pages that have pictures only, and nothing that is drawn anew. */
const OF_PICTURES = ["claims", "preset"];
/** Pages whose shapes differ. The others are opened, but neither photographed nor searched by axe. */
const LOOKED_AT = ["two", "eleven", "streams", "invalid", "failures", "hostile", "several", "sweep-whole", "sweep-many", "sweep-part-of-a-climb", ...OF_PICTURES];

const executable = () => {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  for (const name of process.env.PATH.split(delimiter).flatMap((place) => names.map((name) => join(place, name)))) {
    try {
      accessSync(name, constants.X_OK);
      return name;
    } catch {
      // Not here.
    }
  }
  throw new Error("no Chromium in PATH: install it (Debian: apt-get install chromium)");
};

let browser;

/** Opens a page, and fails when it complains, asks for anything, or is wider than its window. */
const open = async (name, { viewport = WIDE, colorScheme = "light", javaScriptEnabled = true } = {}, use = async () => {}) => {
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled, acceptDownloads: true });
  try {
    const page = await context.newPage();
    const address = pathToFileURL(resolve(PAGES, `${name}.html`)).href;
    const complaints = [];
    page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(error.stack));
    page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      if (request.url() !== address && !request.url().startsWith("blob:")) complaints.push(`request: ${request.url()}`);
    });
    await page.goto(address);
    await use(page, complaints);
    const { scrolls, window } = await page.evaluate(() => ({
      scrolls: document.documentElement.scrollWidth,
      window: document.documentElement.clientWidth,
    }));
    assert.ok(scrolls <= window, `${name}: ${scrolls} pixels in a window of ${window}`);
    assert.deepEqual(complaints, [], name);
  } finally {
    await context.close();
  }
};

const live = (stem, run = "run-1") => `#${run} figure[data-chart="${stem}"] .live`;
const button = (page, stem, name) => page.locator(`#run-1 figure[data-chart="${stem}"] .tools`).getByRole("button", { name, exact: true });
const percentiles = "latency-by-percentile";
const overTime = "latency-over-time";
/** The table of all requests together. */
const targets = '#run-1 [aria-label="Targets"] table';

/** Where a chart draws its lines: the pixels of each one's points. */
const lines = (page, stem, run = "run-1") => page.locator(live(stem, run)).evaluate(({ plots }) => plots.flatMap((u) => u.series.slice(1).map(({ scale }, index) =>
  u.data[index + 1].flatMap((y, at) => (y == null ? [] : [`${Math.round(u.valToPos(u.data[0][at], u.series[0].scale))} ${Math.round(u.valToPos(y, scale))}`])).join())));

/** Everything that a chart has drawn, as pictures. */
const ink = (page, stem) => page.locator(`${live(stem)} canvas`).evaluateAll((charts) => charts.map((canvas) => canvas.toDataURL()));

/** How wide its charts are drawn. */
const widths = (page) => page.locator(".live canvas").evaluateAll((charts) => charts.map((canvas) => canvas.clientWidth));

/** Whether the line that stands for a value of the axis is seen on a chart. */
const isRead = (page, stem, axis) => page.locator(`${live(stem)} .u-over`).first().evaluate((over, axis) => {
  const [plot, line] = [over, over.querySelector(`.u-cursor-${axis}`)].map((node) => node.getBoundingClientRect());
  return line.width + line.height > 0 && line.right > plot.left && line.bottom > plot.top && line.left < plot.right && line.top < plot.bottom;
}, axis);

/** How much of a chart is marked as that which will be looked at, or is read, in pixels. */
const marked = (page, stem) => page.locator(`${live(stem)} .u-select`).evaluateAll((all) => Math.max(...all.map((node) => node.clientWidth * node.clientHeight)));

/** Moves the pointer to a share of a chart's width and of its height. */
const pointAt = async (page, stem, across, down = 0.5) => {
  const plot = page.locator(`${live(stem)} .u-over`).first();
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  const place = [box.x + box.width * across, box.y + box.height * down];
  await page.mouse.move(...place);
  return place;
};

const drag = async (page, stem, from, to) => {
  await pointAt(page, stem, from);
  await page.mouse.down();
  await pointAt(page, stem, (from + to) / 2);
  await pointAt(page, stem, to);
  await page.mouse.up();
};

/** What the page says of the stretch that is looked at. */
const stretch = (page, run = "run-1") => page.locator(`#${run} .stretch p`).innerText();

/** The runs as the page's data has them. */
const runsOf = (page) => page.evaluate(() => JSON.parse(document.getElementById("data").textContent).runs);

/** A slice's counts by the middle of their bucket, read by the words of slices.rs. */
const countsOf = ([, , packed]) => {
  const counts = [];
  let [number, shift, bucket] = [0n, 0n, 0n];
  for (const byte of Buffer.from(packed, "base64")) {
    number |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte & 128) continue;
    const dropped = bucket < 64n ? 0n : bucket / 32n - 1n;
    const low = (bucket - dropped * 32n) << dropped;
    if (number & 1n) bucket += number >> 1n;
    else {
      counts.push([Number(low) + (2 ** Number(dropped) - 1) / 2, Number(number >> 1n)]);
      bucket += 1n;
    }
    [number, shift] = [0n, 0n];
  }
  return counts;
};

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The value at a rank, by nearest rank. */
const atShare = (counts, share) => {
  const sorted = counts.toSorted(([a], [b]) => a - b);
  let left = Math.ceil(share * sum(sorted.map(([, count]) => count)) - 1e-6);
  return sorted.find(([, count]) => (left -= count) <= 0)[0];
};

const nanoseconds = (text) => {
  const [, figure, unit] = text.match(/^([\d.,]+) (s|ms|µs|ns)$/);
  return Number(figure.replaceAll(",", "")) * { s: 1e9, ms: 1e6, "µs": 1e3, ns: 1 }[unit];
};

/** What the curve tells of a target at the percentiles that its axis names. */
const told = async (page, target, percentile) => {
  await page.locator(live(percentiles)).focus();
  const tip = page.locator(`${live(percentiles)} .tip`);
  await page.keyboard.press("Home");
  while (await tip.locator("thead th").first().innerText() !== percentile) await page.keyboard.press("PageDown");
  const row = tip.locator("tbody tr", { has: page.getByRole("rowheader", { name: target, exact: true }) });
  return nanoseconds(await row.locator("td").first().innerText());
};

/** What reaches over the edge of the window, but for what scrolls in a region of its own. */
const cut = (page) => page.evaluate(() => [...document.querySelectorAll("body *")]
  .filter((node) => node.checkVisibility() && !node.closest(".scroll, .chart, pre, .contents, svg, .tip, .u-wrap"))
  .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((node) => `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`));

/** The labels under a chart. */
const places = (page, stem) => page.locator(live(stem)).evaluate(({ plots: [u] }) => u.axes[0]._values);

// Each test has a window of its own, so that two may go on at a time.
describe("a report in a browser", { concurrency: 2 }, () => {
  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    // As root, which is what tests in a container run as, Chromium has no sandbox.
    browser = await chromium.launch({ executablePath: executable(), args: ["--no-sandbox"] });
  });
  after(() => browser?.close());

  for (const name of readdirSync(PAGES).map((file) => file.replace(/\.html$/, "")).filter((name) => !OF_PICTURES.includes(name))) {
    test(`${name} is drawn and asks for nothing`, async () => {
      await open(name, {}, async (page) => {
        assert.ok(await page.locator("figure[data-chart]").count() > 0);
        for (const figure of await page.locator("figure[data-chart]").all()) {
          const drawn = await figure.locator(".live canvas").count();
          const picture = await figure.locator(".chart").isVisible();
          // Either its data is drawn in place of its picture, or the picture is seen.
          assert.equal(picture, drawn === 0, await figure.getAttribute("data-chart"));
        }
      });
    });

    test(`${name} shows every chart without JavaScript`, async () => {
      await open(name, { javaScriptEnabled: false, viewport: NARROW }, async (page) => {
        for (const svg of await page.locator("figure .chart svg").all()) {
          const box = await svg.boundingBox();
          assert.ok(box.width > 300 && box.height > 150, JSON.stringify(box));
        }
      });
    });
  }

  for (const name of LOOKED_AT) {
    for (const { size, viewport, colorScheme, isSearched } of WINDOWS) {
      test(`${name} is well made, ${size} and ${colorScheme}`, async () => {
        await open(name, { viewport, colorScheme }, async (page) => {
          if (isSearched) {
            await page.evaluate(axe.source);
            const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
            const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
            const found = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
            assert.deepEqual(found, []);
          }
          assert.deepEqual(await cut(page), []);
          await page.screenshot({ path: join(SCREENSHOTS, `${name}-${size}-${colorScheme}.png`), fullPage: true });
        });
      });
    }
  }

  test("a page of claims says and draws what they depend on", async () => {
    for (const viewport of [NARROW, WIDE]) {
      await open("claims", { viewport, javaScriptEnabled: false }, async (page) => {
        const figures = await page.locator("figure").all();
        assert.ok(figures.length > 0);
        for (const figure of figures) {
          const box = await figure.locator("svg").boundingBox();
          assert.ok(box.width > 300 && box.height > 150, JSON.stringify(box));
          assert.match(await figure.evaluate((node) => node.previousElementSibling.textContent), /depends on .*: [\d.,]+\S* at /);
        }
      });
    }
  });

  test("a page of a preset says who is better where, draws every ratio, and leads to every report", async () => {
    for (const viewport of [NARROW, WIDE]) {
      await open("preset", { viewport, javaScriptEnabled: false }, async (page) => {
        assert.match(await page.locator("h1").innerText(), /^(callback|coroutine) .* of \d workloads/);
        const region = page.getByRole("region", { name: "callback and coroutine, by workload" });
        const workloads = await region.locator("tbody tr").all();
        assert.equal(workloads.length, 5);
        const said = await page.locator("h2 + ul").first().innerText();
        for (const row of workloads) {
          const link = row.getByRole("rowheader").locator("a");
          assert.match(await link.getAttribute("href"), /^\d\d-[a-z-]+\/report\.html$/);
          for (const cell of await row.locator("td:has(strong)").all()) {
            const box = await cell.locator("svg").boundingBox();
            assert.ok(box.width > 40 && box.height > 8, JSON.stringify(box));
            assert.ok(said.includes(await link.innerText()), said);
          }
        }
        // Whichever is better: its mark is a word's worth of colour, and not only colour.
        for (const [kind, mark] of [["better", "▲"], ["worse", "▼"], ["quiet", "="]]) {
          assert.ok((await region.locator(`strong.${kind}`).first().innerText()).startsWith(mark), kind);
        }
        const list = async (heading) => page.locator("h2, h3", { hasText: heading }).locator("xpath=following-sibling::ul[1]").innerText();
        assert.match(await list("What it depends on"), /from 0\.600× in cpu-heavy .* to 2\.40× in ping/);
        assert.match(await list("Not measured"), /^database: PostgreSQL was not found/);
      });
    }
  });

  test("the first screen of a desk has the finding, its figures and the curve by percentile", async () => {
    for (const name of ["two", "streams", "invalid", "one"]) {
      await open(name, {}, async (page) => {
        for (const part of ["h1", ".cards", `${live(percentiles)} canvas`]) {
          const { y, height } = await page.locator(part).first().boundingBox();
          assert.ok(y >= 0 && y + height <= WIDE.height, `${name}: ${part} from ${y} to ${y + height}`);
        }
      });
    }
  });

  test("tools are seen where a chart is pointed at or has the focus, and otherwise not", async () => {
    await open("two", {}, async (page) => {
      const figure = page.locator(`#run-1 figure[data-chart="${percentiles}"]`);
      const seen = () => figure.locator(".tools").evaluate((tools) => getComputedStyle(tools).opacity === "1");
      assert.equal(await seen(), false);
      await pointAt(page, percentiles, 0.5);
      assert.equal(await seen(), true);
      await page.mouse.move(0, 0);
      assert.equal(await seen(), false);
      await button(page, percentiles, "Zoom in").focus();
      assert.equal(await seen(), true);
    });
  });

  test("every number on the first screen is the record's", async () => {
    const metrics = { Throughput: ["throughput_per_s", 1], "Peak memory": ["server_rss_bytes_max", 1] };
    const metricOf = (card) => metrics[card]
      ?? (/^Server CPU per /.test(card) ? ["server_cpu_us_per_request", 1e3] : [card.toLowerCase().replaceAll(" ", "_").replace(/_(p\d+)$/, "_ns_$1"), 1]);
    const units = { s: 1e9, ms: 1e6, "µs": 1e3, ns: 1, MiB: 1_048_576, "/s": 1, "×": 1 };
    const value = (text) => {
      const [, figure, unit] = text.match(/^([\d.,]+) ?(s|ms|µs|ns|MiB|\/s|×)$/);
      return Number(figure.replaceAll(",", "")) * units[unit];
    };
    const mean = (values) => Math.exp(sum(values.map(Math.log)) / values.length);
    // Three digits are shown.
    const same = (text, expected, what) => assert.ok(Math.abs(value(text) / expected - 1) < 0.0051, `${what}: ${text} for ${expected}`);
    for (const name of ["two", "streams"]) {
      await open(name, {}, async (page) => {
        const [, bytes] = await downloaded(page, page.getByRole("button", { name: "run.json" }));
        const record = JSON.parse(bytes);
        const cards = await page.locator(".card").evaluateAll((cards) => cards.map((card) => [...card.querySelectorAll("p")].map((row) => row.innerText.split(/\n+/).map((part) => part.trim()))));
        assert.ok(cards.length >= 5);
        for (const [[card], base, head, compared, ...rest] of cards) {
          assert.equal(rest.length, 0);
          const [metric, unit] = metricOf(card);
          for (const [index, row] of [base, head].entries()) {
            assert.equal(row[0], record.targets[index].name);
            same(row.at(-1), mean(record.targets[index].epochs.map(({ metrics }) => metrics[metric])) * unit, card);
          }
          const found = record.comparisons.find((each) => each.metric === metric);
          const [marked, verdict, interval] = compared;
          same(marked.slice(2), found.ratio, card);
          assert.equal(verdict, found.verdict);
          interval.split(" to ").forEach((end, index) => same(end, [found.ci_low, found.ci_high][index], card));
        }
        const title = await page.locator("h1").innerText();
        for (const [ratio] of title.matchAll(/[\d.,]+×/g)) {
          assert.ok(record.comparisons.some((each) => Math.abs(value(ratio) / each.ratio - 1) < 0.0051), `${title}: ${ratio}`);
        }
        const { rate_per_s: rate, connections } = record.targets[0].load;
        for (const words of [title, await page.locator("header .quiet").innerText()]) {
          assert.match(words, new RegExp(` ${rate.toLocaleString("en")} requests/s`));
        }
        assert.match(await page.locator("header .quiet").innerText(), new RegExp(` ${connections} connections, `));
      });
    }
  });

  test("a target is switched off and on in every chart", async () => {
    await open("two", {}, async (page) => {
      const before = [await lines(page, percentiles), await lines(page, overTime)];
      const coroutine = page.locator(".targets").getByRole("button", { name: "coroutine" });
      await coroutine.click();
      assert.equal(await coroutine.getAttribute("aria-pressed"), "false");
      const without = [await lines(page, percentiles), await lines(page, overTime)];
      assert.ok(without.every((paths, chart) => paths.length < before[chart].length));
      await page.locator(".targets").getByRole("button", { name: "All", exact: true }).click();
      assert.deepEqual([await lines(page, percentiles), await lines(page, overTime)], before);
    });
  });

  test("a line is not drawn over the time in which others took turns", async () => {
    await open("two", {}, async (page) => {
      const [{ charts }] = await runsOf(page);
      const panel = charts[overTime].panels[0];
      const columns = await page.locator(live(overTime)).evaluate(({ plots: [u] }) => u.data.map((column) => [...column].map((value) => (value === undefined ? "skipped" : value))));
      panel.series.forEach((lines, target) => {
        assert.ok(lines.length > 1);
        lines.slice(1).forEach((line, index) => {
          const [from, to] = [lines[index].at(-1)[0], line[0][0]];
          const between = columns[0].flatMap((x, at) => (x > from + 1e-6 && x < to ? [columns[target + 1][at]] : []));
          assert.ok(between.every((value) => value === null), `${from} to ${to}: ${between}`);
        });
      });
    });
  });

  test("a stretch of time is dragged out, on all charts over time, and dims the epochs outside it", async () => {
    await open("two", {}, async (page) => {
      const whole = [await places(page, overTime), await places(page, "server-cpu"), await places(page, percentiles)];
      const drawn = await ink(page, percentiles);
      await drag(page, overTime, 0.3, 0.5);
      const stretch = [await places(page, overTime), await places(page, "server-cpu"), await places(page, percentiles)];
      assert.notDeepEqual(stretch[0], whole[0]);
      assert.deepEqual(stretch[1], stretch[0]);
      assert.deepEqual(stretch[2], whole[2]);
      assert.notDeepEqual(await ink(page, percentiles), drawn);
      assert.match(await page.locator(`${live(percentiles)} .caption`).innerText(), /Full dots: samples from \S+ s to \S+ s/);
      await button(page, overTime, "Whole").click();
      assert.deepEqual([await places(page, overTime), await places(page, "server-cpu")], whole.slice(0, 2));
      await page.mouse.move(0, 0);
      assert.deepEqual(await ink(page, percentiles), drawn);
    });
  });

  test("the curve and the histogram of a stretch are of its requests, and of all again", async () => {
    await open("two", {}, async (page) => {
      const [{ slices, targets }] = await runsOf(page);
      const drawn = async () => [await lines(page, percentiles), await lines(page, "latency-histogram")];
      const whole = await drawn();
      await drag(page, overTime, 0.3, 0.5);
      const words = await stretch(page);
      const [, from, to, count, of] = words.match(/requests from (\S+) s to (\S+) s, (\S+) of (\S+) \(/);
      const within = slices.map((all) => all.filter(([start, end]) => start > from - 0.01 && end < Number(to) + 0.01));
      assert.ok(within.every((some, target) => some.length > 0 && some.length < slices[target].length));
      for (const [target, { name }] of targets.entries()) {
        const [part, all] = [within, slices].map((each) => each[target].flatMap(countsOf));
        const [own, total] = [part, all].map((counts) => sum(counts.map(([, n]) => n)).toLocaleString("en"));
        assert.ok(words.includes(`${name} ${own} of ${total}`), `${words}: ${own} of ${total}`);
        for (const [percentile, share] of [["50 %", 0.5], ["90 %", 0.9], ["99 %", 0.99]]) {
          const [shown, expected] = [await told(page, name, percentile), atShare(part, share)];
          assert.ok(Math.abs(shown / expected - 1) < 0.006, `${name}, ${percentile}: ${shown} for ${expected}`);
        }
      }
      const figure = (text) => Number(text.replaceAll(",", ""));
      assert.equal(figure(count), sum(within.flat().flatMap(countsOf).map(([, n]) => n)));
      assert.equal(figure(of), sum(slices.flat().flatMap(countsOf).map(([, n]) => n)));
      const stretched = await drawn();
      stretched.forEach((paths, chart) => assert.notDeepEqual(paths, whole[chart]));
      for (const chart of [percentiles, "latency-histogram"]) {
        assert.ok((await page.locator(`${live(chart)} .caption`).innerText()).includes(`requests from ${from} s to ${to} s, ${count} of ${of}`));
      }
      // One that is switched off is not counted.
      await page.locator(".targets").getByRole("button", { name: "coroutine" }).click();
      assert.doesNotMatch(await stretch(page), /coroutine/);
      await page.locator(".targets").getByRole("button", { name: "All", exact: true }).click();
      await page.getByRole("button", { name: "Whole run" }).click();
      assert.deepEqual(await drawn(), whole);
      assert.match(await stretch(page), /^All charts show the whole run/);
    });
  });

  test("a stretch is chosen by keys, and all of the time has all of the requests", async () => {
    await open("two", {}, async (page) => {
      const headings = await page.locator(`${targets} thead th`).allTextContents();
      const exact = Object.fromEntries(await page.locator(`${targets} tbody tr`).evaluateAll((rows) =>
        rows.map((row) => [row.cells[0].childNodes[1].textContent, [...row.cells].map((cell) => cell.textContent)])));
      const before = await lines(page, percentiles);
      await page.locator(live(overTime)).focus();
      for (const key of ["Home", "Enter", "End"]) await page.keyboard.press(key);
      assert.match(await page.locator(`${live(overTime)} .tip thead th`).first().innerText(), /^\S+( s)? to \S+ s$/);
      assert.ok(await marked(page, overTime) > 0 && await marked(page, "server-cpu") > 0);
      await page.keyboard.press("Enter");
      const [, count, of] = (await stretch(page)).match(/s, (\S+) of (\S+) \(/);
      assert.equal(count, of);
      for (const [name, cells] of Object.entries(exact)) {
        for (const [percentile, column] of [["50 %", "p50"], ["99 %", "p99"]]) {
          const [shown, known] = [await told(page, name, percentile), nanoseconds(cells[headings.indexOf(column)])];
          // What slices tell is known to 1.6 %, and both are rounded to three digits.
          assert.ok(Math.abs(shown / known - 1) < 0.025, `${name}, ${percentile}: ${shown} for ${known}`);
        }
      }
      await page.locator(live(overTime)).focus();
      await page.keyboard.press("Enter");
      assert.equal(await page.locator(`${live(overTime)} .tip`).isVisible(), false, "nothing is read, so nothing is marked");
      for (const key of ["ArrowRight", "Enter", "ArrowRight", "Escape"]) await page.keyboard.press(key);
      assert.equal(await marked(page, overTime), 0);
      await page.keyboard.press("0");
      assert.deepEqual(await lines(page, percentiles), before);
    });
  });

  test("a record without slices says that its curve remains that of the whole", async () => {
    await open("close", {}, async (page) => {
      const before = await lines(page, percentiles);
      await drag(page, overTime, 0.3, 0.5);
      assert.match(await stretch(page), /whole run, since this record holds no distribution of a part of it/);
      assert.match(await page.locator(`${live(percentiles)} .caption`).innerText(), /Shown: the whole run, since/);
      assert.deepEqual(await lines(page, percentiles), before);
    });
  });

  test("a stretch of streams or messages has their distribution", async () => {
    for (const [name, words] of [["streams", /streams from \S+ s to \S+ s, [\d,]+ of /], ["chat", /deliveries from \S+ s to \S+ s, [\d,]+ of /]]) {
      await open(name, {}, async (page) => {
        const before = await lines(page, percentiles);
        await drag(page, overTime, 0.3, 0.5);
        assert.match(await stretch(page), words);
        assert.notDeepEqual(await lines(page, percentiles), before);
      });
    }
  });

  test("of several runs on a page each has a stretch of its own", async () => {
    await open("several", {}, async (page) => {
      const other = () => lines(page, percentiles, "run-2");
      const before = [await lines(page, percentiles), await other()];
      await drag(page, overTime, 0.3, 0.5);
      assert.notDeepEqual(await lines(page, percentiles), before[0]);
      assert.deepEqual(await other(), before[1]);
      assert.match(await stretch(page, "run-2"), /^All charts show the whole run/);
    });
  });

  test("buttons and keys zoom, and two clicks show the whole again", async () => {
    await open("two", {}, async (page) => {
      const whole = await places(page, percentiles);
      await button(page, percentiles, "Zoom in").click();
      const near = await places(page, percentiles);
      assert.notDeepEqual(near, whole);
      await button(page, percentiles, "Zoom out").click();
      assert.deepEqual(await places(page, percentiles), whole);
      await page.locator(live(percentiles)).focus();
      await page.keyboard.press("+");
      assert.deepEqual(await places(page, percentiles), near);
      await page.keyboard.press("0");
      assert.deepEqual(await places(page, percentiles), whole);
      await button(page, percentiles, "Zoom in").click();
      await page.mouse.dblclick(...await pointAt(page, percentiles, 0.5));
      assert.deepEqual(await places(page, percentiles), whole);
    });
  });

  test("a scale is linear or logarithmic as one likes", async () => {
    await open("two", {}, async (page) => {
      const before = await lines(page, percentiles);
      assert.match(await page.locator(`${live(percentiles)} .caption`).innerText(), /linear scale/);
      await button(page, percentiles, "Logarithmic").click();
      assert.match(await page.locator(`${live(percentiles)} .caption`).innerText(), /logarithmic scale/);
      assert.notDeepEqual(await lines(page, percentiles), before);
      await button(page, percentiles, "Logarithmic").click();
      assert.deepEqual(await lines(page, percentiles), before);
    });
  });

  test("a read-out says what the table says", async () => {
    await open("two", {}, async (page) => {
      const headings = await page.locator(`${targets} thead th`).allTextContents();
      const row = await page.locator(`${targets} tbody tr`).first().locator("th, td").allTextContents();
      const tip = page.locator(`${live(percentiles)} .tip`);
      await page.locator(live(percentiles)).focus();
      await page.keyboard.press("Home");
      for (const [place, column] of [["50 %", "p50"], ["90 %", null], ["99 %", "p99"], ["99.9 %", "p99.9"]]) {
        await page.keyboard.press("PageDown");
        assert.equal(await tip.locator("thead th").first().innerText(), place);
        const value = tip.locator("tbody tr", { has: page.getByRole("rowheader", { name: "callback" }) }).locator("td").first();
        if (column) assert.equal(await value.innerText(), row[headings.indexOf(column)]);
      }
    });
  });

  test("hovering over one chart shows the same time and the same latency on the others", async () => {
    await open("two", {}, async (page) => {
      await pointAt(page, overTime, 0.4, 0.6);
      const tip = page.locator(`${live(overTime)} .tip`);
      assert.match(await tip.locator("thead").innerText(), /^[\d.]+ s\s+99th\s+Median\s+slower than [\d.]+ ms\s*$/);
      assert.match(await tip.locator("tbody tr").first().innerText(), /(%|none|all)$/);
      assert.deepEqual([await isRead(page, "server-cpu", "x"), await isRead(page, "server-cpu", "y")], [true, false]);
      assert.deepEqual([await isRead(page, percentiles, "x"), await isRead(page, percentiles, "y")], [false, true]);
      await page.mouse.move(0, 0);
      assert.equal(await page.locator(`${live(overTime)} .tip`).isVisible(), false);
      assert.deepEqual([await isRead(page, "server-cpu", "x"), await isRead(page, percentiles, "y")], [false, false]);
    });
  });

  const byRequest = "latency-by-request";
  const loops = "what-the-loops-did";
  /** The rows of a chart: whose each is, and its values. */
  const beside = (page, stem) => page.locator(live(stem)).evaluate(({ plots }) => plots.flatMap(({ view, groups }) =>
    groups.flatMap(({ rows }) => rows.map(({ target, values }) => `${view.state.targets[target].name}: ${values.join() || "not known"}`))));
  const rowsOf = (table) => table.locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));

  test("rows follow the switches, and their scale is linear or logarithmic as one likes", async () => {
    await open("two", {}, async (page) => {
      const both = [await beside(page, byRequest), await beside(page, loops)];
      const coroutine = page.locator(".targets").getByRole("button", { name: "coroutine" });
      await coroutine.click();
      const one = [await beside(page, byRequest), await beside(page, loops)];
      const has = (rows, word) => rows.some((row) => row.includes(word));
      assert.ok(has(both[0], "coroutine") && !has(one[0], "coroutine"));
      assert.ok(one.every((texts, chart) => texts.length < both[chart].length));
      // The small charts keep what is known of the other.
      assert.ok(has(both[1], "not known") && !has(one[1], "not known"));
      await coroutine.click();
      assert.deepEqual([await beside(page, byRequest), await beside(page, loops)], both);
      const title = page.locator(`${live(byRequest)} .x-title`);
      assert.match(await title.innerText(), /logarithmic scale/);
      await button(page, byRequest, "Logarithmic").click();
      assert.match(await title.innerText(), /linear scale/);
      assert.equal(await button(page, loops, "Logarithmic").count(), 0);
    });
  });

  test("rows are read out as the table has them, by keys and by the pointer", async () => {
    await open("two", {}, async (page) => {
      const all = page.locator('#run-1 [aria-label="Request by request"] table');
      const columns = await all.locator("thead th").allTextContents();
      const table = await rowsOf(all);
      const tip = page.locator(`${live(byRequest)} .tip`);
      assert.equal(table.length, 6, "three kinds of two targets");
      await page.locator(live(byRequest)).focus();
      for (const request of new Set(table.map(([request]) => request))) {
        await page.keyboard.press("ArrowDown");
        const [where, ...parts] = await tip.locator("thead th").allTextContents();
        assert.ok(where.startsWith(request), `${where} is not of ${request}`);
        const expected = table.filter(([of]) => of === request).map(([, target, ...figures]) => [target, ...parts.map((part) => figures[columns.indexOf(part) - 2])]);
        assert.deepEqual((await rowsOf(tip)).sort(), expected.sort());
      }
      assert.ok(await marked(page, byRequest) > 0);
      await page.keyboard.press("Escape");
      assert.equal(await tip.isVisible(), false);

      await pointAt(page, loops, 0.4);
      const small = page.locator(`${live(loops)} .tip`);
      assert.match(await small.locator("thead").innerText(), /^Loop lag\s+median\s+largest\s+slower than /);
      assert.deepEqual((await rowsOf(small)).map(([target]) => target).sort(), ["callback", "coroutine"]);
      // The time that is pointed at stands on the charts of latencies, too.
      assert.ok(await isRead(page, byRequest, "y"));
      await page.locator(live(loops)).focus();
      await page.keyboard.press("End");
      assert.match(await small.locator("thead").innerText(), /^Memory\s+largest/);
    });
  });

  test("a sweep is read out from one measured rate to the next, up and down, as its table has it", async () => {
    await open("sweep-whole", {}, async (page) => {
      const load = "latency-by-load";
      const table = await rowsOf(page.locator('#run-1 [aria-label="Rate by rate"] table'));
      const of = (target, way, rate) => table.find((row) => row[0] === target && row[1] === way && row[2] === rate) ?? [];
      const tip = page.locator(`${live(load)} .tip`);
      await page.locator(live(load)).focus();
      const read = [];
      for (let step = 0; step < 3; step += 1) {
        await page.keyboard.press("ArrowRight");
        const [rate, ...columns] = await tip.locator("thead th").allTextContents();
        assert.deepEqual(columns, ["p99 up", "p99 down", "p50 up", "p50 down"]);
        for (const [target, ...figures] of await rowsOf(tip)) {
          const [up, down] = ["up", "down"].map((way) => of(target, way, rate));
          assert.deepEqual(figures, [up[5], down[5], up[4], down[4]], `${target} at ${rate}`);
        }
        read.push(rate);
      }
      assert.equal(new Set(read).size, 3, read.join());
      assert.equal(await page.getByRole("button", { name: "Whole run" }).count(), 0, "a sweep has no chart over time");
      const drawn = await ink(page, load);
      assert.equal(drawn.length, 2);
      await page.locator(".targets").getByRole("button", { name: "coroutine" }).click();
      (await ink(page, load)).forEach((panel, index) => assert.notEqual(panel, drawn[index]));
      await drag(page, load, 0.3, 0.6);
      assert.equal(await button(page, load, "Whole").isEnabled(), true);
    });
  });

  test("on a telephone a read-out of four figures is whole", async () => {
    for (const [name, stem] of [["eleven", byRequest], ["sweep-many", "latency-by-load"]]) {
      await open(name, { viewport: NARROW }, async (page) => {
        await page.locator(live(stem)).focus();
        await page.keyboard.press("Home");
        await page.keyboard.press("ArrowRight");
        const tip = await page.locator(`${live(stem)} .tip`).evaluate((tip) => [tip.scrollWidth, tip.clientWidth]);
        assert.ok(tip[1] > 0 && tip[0] <= tip[1], `${name}: ${tip[0]} pixels in ${tip[1]}`);
      });
    }
  });

  test("pictures are inked for the page that they are in, without JavaScript, and saved as they were drawn", async () => {
    const inks = (page) => page.locator("#run-1 figure .chart").evaluateAll((charts) => charts.map((chart) => {
      const of = (shape, property) => getComputedStyle(shape)[property];
      return [of(chart.querySelector("rect"), "fill"), of(chart.querySelector("text"), "fill"), of(document.body, "backgroundColor"), of(document.body, "color")];
    }));
    const seen = {};
    for (const colorScheme of ["light", "dark"]) {
      await open("eleven", { colorScheme, javaScriptEnabled: false }, async (page) => {
        seen[colorScheme] = await inks(page);
        for (const [ground, title, paper, ink] of seen[colorScheme]) assert.deepEqual([ground, title], [paper, ink]);
        await page.screenshot({ path: join(SCREENSHOTS, `eleven-wide-${colorScheme}-plain.png`), fullPage: true });
      });
    }
    assert.notDeepEqual(seen.light, seen.dark);
    await open("eleven", { colorScheme: "dark" }, async (page) => {
      const [, picture] = await downloaded(page, button(page, "ratios", "Save as SVG"));
      assert.match(picture.toString(), /<rect[^>]* fill="#FFFFFF"/);
    });
  });

  const downloaded = async (page, link) => {
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    return [download.suggestedFilename(), readFileSync(await download.path())];
  };

  test("the record and its tables are saved as they are, and compressed without JavaScript", async () => {
    let plain;
    await open("failures", {}, async (page) => {
      const [name, bytes] = await downloaded(page, page.getByRole("button", { name: "run.json" }));
      assert.equal(name, "run.json");
      plain = bytes.toString();
      assert.equal(JSON.parse(plain).schema_version, 2);
      const [csv, table] = await downloaded(page, page.getByRole("button", { name: "intervals.csv" }));
      assert.equal(csv, "intervals.csv");
      assert.match(table.toString(), /^target,/);
      const [svg, picture] = await downloaded(page, button(page, "throughput", "Save as SVG"));
      assert.equal(svg, "throughput.svg");
      assert.match(picture.toString(), /^<svg xmlns=/);
    });
    await open("failures", { javaScriptEnabled: false }, async (page) => {
      const [name, bytes] = await downloaded(page, page.getByRole("link", { name: "run.json.gz" }));
      assert.equal(name, "run.json.gz");
      assert.equal(gunzipSync(bytes).toString(), plain);
    });
  });

  test("the page turns dark and back, whatever the system says", async () => {
    const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    for (const [colorScheme, other] of [["light", "Dark page"], ["dark", "Light page"]]) {
      await open("two", { colorScheme }, async (page) => {
        const before = await paper(page);
        await page.getByRole("button", { name: other }).click();
        assert.notEqual(await paper(page), before);
        await page.locator(".theme").click();
        assert.equal(await paper(page), before);
      });
    }
  });

  test("no other script runs, and none of what a name holds", async () => {
    await open("hostile", {}, async (page, complaints) => {
      const ran = await page.evaluate(() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        return window.ran === true;
      });
      assert.equal(ran, false);
      assert.match(complaints.splice(0).join(), /Content Security Policy/);
    });
  });

  test("on paper there are pictures on white, whole and no wider than the sheet, and nothing to press", async () => {
    for (const name of ["two", "eleven", "several", "failures", "sweep-whole", "sweep-many"]) {
      await open(name, {}, async (page) => {
        // What is dark on the screen, whoever made it so, is not on paper.
        await page.locator(".theme").click();
        const screen = await widths(page);
        await page.pdf({ path: join(SCREENSHOTS, `${name}.pdf`), format: "A4", margin: { top: "1cm", right: "1cm", bottom: "1cm", left: "1cm" } });
        assert.deepEqual(await widths(page), screen, "and the screen is as it was");

        await page.emulateMedia({ media: "print" });
        await page.setViewportSize(SHEET);
        const found = await page.evaluate((sheet) => {
          const shown = (node) => node.checkVisibility({ visibilityProperty: true });
          const white = (node) => getComputedStyle(node).backgroundColor === "rgb(255, 255, 255)";
          const all = (selector) => [...document.querySelectorAll(selector)];
          const name = (node) => `${node.tagName} ${node.className.baseVal ?? node.className} ${node.textContent.slice(0, 40)}`;
          return {
            pressed: all(".theme, .tools, .tip, .live, .downloads, nav").filter(shown).map(name),
            dark: all("body, .chart").filter((node) => shown(node) && !white(node)).map(name),
            cut: all("body *").filter((node) => shown(node) && !node.closest("svg") && node.getBoundingClientRect().right > sheet + 1).map(name),
            long: all("figure .chart svg").filter((node) => shown(node) && node.getBoundingClientRect().height > 1_000).map(name),
            hidden: all("details table, details pre").filter((node) => node.getBoundingClientRect().height === 0).map(name),
            charts: all("figure").filter((figure) => !shown(figure.querySelector(".chart svg"))).map(name),
          };
        }, SHEET.width);
        assert.deepEqual(found, { pressed: [], dark: [], cut: [], long: [], hidden: [], charts: [] }, name);
        await page.emulateMedia({ media: "screen" });
        await page.setViewportSize(WIDE);
      });
    }
  });

  test("an hour of eleven targets is a page that opens at once", async (context) => {
    const bytes = readFileSync(join(PAGES, "hour.html")).length;
    assert.ok(bytes <= HOUR_BYTES_MAX, `${bytes} bytes`);
    await open("hour", {}, async (page) => {
      const [drawn, loaded] = await page.evaluate(() => [
        performance.getEntriesByName("drawn")[0].startTime,
        performance.getEntriesByType("navigation")[0].loadEventEnd,
      ]);
      // Said and not asserted: how long it takes is the machine's affair.
      const zoomed = await button(page, overTime, "Zoom in").evaluate(async (zoom) => {
        const started = performance.now();
        zoom.click();
        // uPlot draws at the end of a turn.
        await Promise.resolve();
        return performance.now() - started;
      });
      assert.match(await stretch(page), /requests from/);
      context.diagnostic(`${bytes} bytes, drawn after ${Math.round(drawn)} ms, loaded after ${Math.round(loaded)} ms, a stretch of it after ${Math.round(zoomed)} ms`);
      await button(page, overTime, "Whole").click();
      await page.screenshot({ path: join(SCREENSHOTS, "hour-wide-light.png"), fullPage: true });
    });
  });
});
