// GET /stats: what Node can tell of its loop. Figures of one process are plain data, so that those of a cluster's workers
// can be sent to each other and put together.

import { monitorEventLoopDelay } from 'node:perf_hooks';

import { merge, sampleLags, summarise } from './lag.js';

/** Resolution, in ms, of Node's own monitor of its loop. */
const DELAY_RESOLUTION_MS = 10;

/** Starts to watch this process; the result gives its figures so far. */
export function startStats(cpuPool, loopWork) {
  const lags = sampleLags();
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  return () => {
    const { active, idle } = performance.eventLoopUtilization();
    // Node 20.18 and 22.8 onwards.
    const loop = performance.nodeTiming.uvMetricsInfo;
    return {
      turns: loop?.loopCount ?? null,
      callbacks: loop?.events ?? null,
      activeMs: active,
      idleMs: idle,
      lags: lags.counts,
      delayUs: [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => Math.round(ns / 1000)),
      offload: cpuPool.depth,
      work: loopWork.counts,
    };
  };
}

/** The contract's object, from the figures of each process that serves. */
export function renderStats(all) {
  const sum = (figure) => all.map(figure).reduce((a, b) => (a === null || b === null ? null : a + b));
  const max = (figure) => all.map(figure).reduce((a, b) => Math.max(a, b));
  const lags = merge(all.map(({ lags }) => lags));
  const work = (route) => merge(all.map(({ work }) => work[route]));
  const activeMs = sum(({ activeMs }) => activeMs);
  const idleMs = sum(({ idleMs }) => idleMs);
  return {
    runtime: `Node.js ${process.versions.node}${all.length > 1 ? ' cluster' : ''}`,
    loop_turns: sum(({ turns }) => turns),
    longest_blocked_us: null,
    loop_lag_us: summarise(lags),
    // libuv does not tell how many jobs wait for its pool.
    pool_queue_depth: null,
    pool_queue_depth_max: null,
    tasks_run: sum(({ callbacks }) => callbacks),
    tasks_alive: null,
    run_queue_depth: null,
    worker_parks: null,
    workers_busy_us: Math.round(activeMs * 1000),
    task_moves: null,
    loop_lag_us_counts: lags,
    // Its monitor tells how late a timer was, and not for how long the loop was held.
    blocked_us_counts: null,
    pool_wait_us_counts: null,
    loop_work_us_counts: { '/cpu': work('/cpu'), '/hash': work('/hash') },
    node: {
      libuv: process.versions.uv,
      v8: process.versions.v8,
      processes: all.length,
      event_loop_utilization: activeMs === 0 ? 0 : activeMs / (activeMs + idleMs),
      event_loop_delay_us: {
        resolution: DELAY_RESOLUTION_MS * 1000,
        p50: max(({ delayUs }) => delayUs[0]),
        p99: max(({ delayUs }) => delayUs[1]),
        max: max(({ delayUs }) => delayUs[2]),
      },
      offload_queue_depth: sum(({ offload }) => offload.now),
      offload_queue_depth_max: max(({ offload }) => offload.max),
    },
  };
}
