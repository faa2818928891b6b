package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// Most connections to the upstream. By itself net/http keeps no more than two of each host.
	maxConnections = 4096

	// Longer than any run.
	keepAlive = 10 * time.Minute

	// How much longer than it was asked to take a call may last before it has failed.
	extraMs = 10_000

	// Longest reply that is read: more than any number needs.
	maxReplyBytes = 64
)

// An upstream makes calls to the backend over kept-alive connections.
type upstream struct {
	// Empty where there is none.
	address string
	client  http.Client
}

func newUpstream(address string) *upstream {
	return &upstream{address, http.Client{Transport: &http.Transport{
		MaxIdleConns:        maxConnections,
		MaxIdleConnsPerHost: maxConnections,
		MaxConnsPerHost:     maxConnections,
		IdleConnTimeout:     keepAlive,
		DisableCompression:  true,
	}}}
}

// oneByOne is the sum of the replies to calls of which each follows the one before.
func (u *upstream) oneByOne(ctx context.Context, calls, ms uint64) (sum uint64, err error) {
	for call := range calls {
		value, err := u.call(ctx, call+1, ms)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	return sum, nil
}

// atOnce is the same of calls that are all made at once.
func (u *upstream) atOnce(ctx context.Context, calls, ms uint64) (sum uint64, err error) {
	type reply struct {
		value uint64
		err   error
	}
	// Room for all, so that none waits for one who has given up.
	replies := make(chan reply, calls)
	for call := range calls {
		go func() {
			value, err := u.call(ctx, call+1, ms)
			replies <- reply{value, err}
		}()
	}
	for range calls {
		reply := <-replies
		if reply.err != nil {
			return 0, reply.err
		}
		sum += reply.value
	}
	return sum, nil
}

func (u *upstream) call(ctx context.Context, number, ms uint64) (uint64, error) {
	if u.address == "" {
		return 0, &refusal{http.StatusServiceUnavailable, "this server was started without an upstream; start it with -upstream"}
	}
	failed := func(why any) (uint64, error) {
		return 0, &refusal{http.StatusBadGateway, fmt.Sprintf("the upstream failed: %v", why)}
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(ms+extraMs)*time.Millisecond)
	defer cancel()
	url := fmt.Sprintf("http://%s/call/%d?ms=%d", u.address, number, ms)
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return failed(err)
	}
	response, err := u.client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return failed(response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes))
	if err != nil {
		return failed(err)
	}
	// 32 bits: a hundred of those can be summed without losing one.
	value, err := strconv.ParseUint(string(body), 10, 32)
	if err != nil {
		return failed(err)
	}
	return value, nil
}
