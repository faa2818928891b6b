"""What /stats says: the contract's members in its order, `null` where neither asyncio nor uvloop can tell, and what only
Python knows behind them."""

import asyncio
import gc
import importlib.metadata
import platform
import threading
from typing import Any

from bench_server.failures import NotFound
from bench_server.services import Services
from bench_server.settings import Settings


def runtime(settings: Settings) -> str:
    """Names and versions of all that a request passes through."""
    parts = [f"{platform.python_implementation()} {platform.python_version()}"]
    if settings.app.startswith("fastapi"):
        parts.append(_versioned("fastapi", "FastAPI"))
    elif settings.app == "starlette":
        parts.append(_versioned("starlette", "Starlette"))
    parts.append(_versioned(settings.server))
    parts.append("asyncio" if settings.loop == "asyncio" else _versioned("uvloop"))
    if settings.server == "uvicorn":
        parts.append(_versioned(settings.http))
    return ", ".join(parts)


def snapshot(services: Services, runtime: str) -> dict[str, Any]:
    """The figures of this moment."""
    if services.settings.workers > 1:
        raise NotFound("each of several processes has only its own figures")
    pool = services.pool
    return {
        "runtime": runtime,
        "loop_turns": None,
        "longest_blocked_us": None,
        "loop_lag_us": services.lag.figures(),
        "pool_queue_depth": pool.queue_depth,
        "pool_queue_depth_max": pool.queue_depth_max,
        "tasks_run": None,
        "tasks_alive": len(asyncio.all_tasks()),
        "run_queue_depth": None,
        "worker_parks": None,
        "workers_busy_us": None,
        "task_moves": None,
        "loop_lag_us_counts": services.lag.counts(),
        "blocked_us_counts": None,
        "pool_wait_us_counts": pool.waits.counts(),
        "loop_work_us_counts": services.held.counts(),
        "python": {
            "gc_collections": [generation["collections"] for generation in gc.get_stats()],
            "threads": threading.active_count(),
        },
    }


def _versioned(distribution: str, name: str | None = None) -> str:
    return f"{name or distribution} {importlib.metadata.version(distribution)}"
