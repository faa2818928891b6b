package main

import (
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"
)

// How often the lag is sampled.
const lagInterval = 100 * time.Millisecond

// A lag is how much later than asked for timers fired: how often by how many microseconds, of which two digits count.
type lag struct {
	mutex  sync.Mutex
	counts map[uint64]uint64
}

func (l *lag) sample() {
	for {
		due := time.Now().Add(lagInterval)
		time.Sleep(lagInterval)
		us := uint64(max(0, time.Since(due).Microseconds()))
		unit := uint64(1)
		for us/unit >= 100 {
			unit *= 10
		}
		l.mutex.Lock()
		l.counts[us/unit*unit]++
		l.mutex.Unlock()
	}
}

// sorted is each time and how often it was, shortest first.
func (l *lag) sorted() [][2]uint64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	counts := make([][2]uint64, 0, len(l.counts))
	for us, count := range l.counts {
		counts = append(counts, [2]uint64{us, count})
	}
	slices.SortFunc(counts, func(one, other [2]uint64) int { return int(one[0]) - int(other[0]) })
	return counts
}

type percentiles struct {
	P50 uint64 `json:"p50"`
	P99 uint64 `json:"p99"`
	Max uint64 `json:"max"`
}

// summary is nothing where nothing was sampled.
func summary(counts [][2]uint64) *percentiles {
	if len(counts) == 0 {
		return nil
	}
	var all uint64
	for _, count := range counts {
		all += count[1]
	}
	// Nearest rank.
	at := func(percent uint64) uint64 {
		var seen uint64
		for _, count := range counts {
			seen += count[1]
			if seen*100 >= all*percent {
				return count[0]
			}
		}
		return counts[len(counts)-1][0]
	}
	return &percentiles{at(50), at(99), at(100)}
}

// The contract's members in their order. What stays nil is what Go does not report.
type figures struct {
	Runtime           string       `json:"runtime"`
	LoopTurns         *uint64      `json:"loop_turns"`
	LongestBlockedUs  *uint64      `json:"longest_blocked_us"`
	LoopLagUs         *percentiles `json:"loop_lag_us"`
	PoolQueueDepth    *uint64      `json:"pool_queue_depth"`
	PoolQueueDepthMax *uint64      `json:"pool_queue_depth_max"`
	TasksRun          *uint64      `json:"tasks_run"`
	TasksAlive        int          `json:"tasks_alive"`
	RunQueueDepth     *uint64      `json:"run_queue_depth"`
	WorkerParks       *uint64      `json:"worker_parks"`
	WorkersBusyUs     *uint64      `json:"workers_busy_us"`
	TaskMoves         *uint64      `json:"task_moves"`
	LoopLagUsCounts   [][2]uint64  `json:"loop_lag_us_counts"`
	BlockedUsCounts   [][2]uint64  `json:"blocked_us_counts"`
	PoolWaitUsCounts  [][2]uint64  `json:"pool_wait_us_counts"`
	LoopWorkUsCounts  [][2]uint64  `json:"loop_work_us_counts"`
}

func (s *service) stats(w http.ResponseWriter, _ *http.Request) error {
	counts := s.lag.sorted()
	return replyJSON(w, figures{
		Runtime:         runtime.Version(),
		LoopLagUs:       summary(counts),
		TasksAlive:      runtime.NumGoroutine(),
		LoopLagUsCounts: counts,
	})
}
