package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	text        = "text/plain; charset=utf-8"
	jsonType    = "application/json"
	bytesType   = "application/octet-stream"
	eventStream = "text/event-stream; charset=utf-8"
)

// A service is what the routes share.
type service struct {
	dataDir  string
	upstream *upstream
	// A place for each computation that was handed off.
	pool chan struct{}
	lag  *lag
}

func newService(dataDir, upstream string, pool int) *service {
	lag := &lag{counts: map[uint64]uint64{}}
	go lag.sample()
	return &service{dataDir, newUpstream(upstream), make(chan struct{}, pool), lag}
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, handler func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := handler(w, r); err != nil {
				refuse(w, err)
			}
		})
	}
	handle("GET /plaintext", plaintext)
	handle("GET /json", hello)
	handle("GET /sleep/{ms}", sleep)
	handle("GET /upstream", s.callUpstream)
	handle("GET /file/{kib}", s.file)
	handle("GET /cpu/{rounds}", s.cpu)
	handle("GET /hash/{kib}", s.hash)
	handle("POST /orders", orders)
	handle("GET /auth", auth)
	handle("POST /upload", upload)
	handle("GET /events", events)
	handle("GET /stats", s.stats)
	return http.MaxBytesHandler(mux, maxBodyBytes)
}

// A refusal is an error that says how the request is answered.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refuse(w http.ResponseWriter, err error) {
	var refusal *refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &refusal):
		http.Error(w, refusal.reason, refusal.status)
	case errors.As(err, &tooLarge):
		http.Error(w, "bodies are taken up to 1 MiB", http.StatusRequestEntityTooLarge)
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// reply answers with a body whose length is announced.
func reply(w http.ResponseWriter, contentType string, body []byte) error {
	return replyStatus(w, http.StatusOK, contentType, body)
}

func replyStatus(w http.ResponseWriter, status int, contentType string, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that is gone is no failure of the server.
	w.Write(body)
	return nil
}

func replyJSON(w http.ResponseWriter, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return &refusal{http.StatusInternalServerError, err.Error()}
	}
	return reply(w, jsonType, body)
}

// number reads a whole number within bounds.
func number(name, text string, min, max uint64) (uint64, error) {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil || value < min || value > max {
		reason := fmt.Sprintf("%s must be a whole number from %d to %d", name, min, max)
		return 0, &refusal{http.StatusBadRequest, reason}
	}
	return value, nil
}

func plaintext(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, text, []byte("Hello, World!"))
}

type message struct {
	Message string `json:"message"`
}

func hello(w http.ResponseWriter, _ *http.Request) error {
	return replyJSON(w, message{"Hello, World!"})
}

func sleep(w http.ResponseWriter, r *http.Request) error {
	ms, err := number("ms", r.PathValue("ms"), 0, 60_000)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return reply(w, text, fmt.Appendf(nil, "slept %d", ms))
}

func (s *service) callUpstream(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	calls, err := number("calls", query.Get("calls"), 1, 100)
	if err != nil {
		return err
	}
	ms, err := number("ms", query.Get("ms"), 0, 60_000)
	if err != nil {
		return err
	}
	var sum uint64
	switch query.Get("mode") {
	case "", "seq":
		sum, err = s.upstream.oneByOne(r.Context(), calls, ms)
	case "par":
		sum, err = s.upstream.atOnce(r.Context(), calls, ms)
	default:
		err = &refusal{http.StatusBadRequest, "mode must be seq or par"}
	}
	if err != nil {
		return err
	}
	return replyJSON(w, struct {
		Calls uint64 `json:"calls"`
		Sum   uint64 `json:"sum"`
	}{calls, sum})
}

func (s *service) file(w http.ResponseWriter, r *http.Request) error {
	kib, err := number("kib", r.PathValue("kib"), 1, 1024)
	if err != nil {
		return err
	}
	if kib&(kib-1) != 0 {
		return &refusal{http.StatusNotFound, "there are files of 1, 2, 4, … 1024 KiB"}
	}
	body, err := os.ReadFile(filepath.Join(s.dataDir, fmt.Sprintf("%d.bin", kib)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &refusal{http.StatusNotFound, "the data directory has no such file"}
	case err != nil:
		return &refusal{http.StatusServiceUnavailable, "the file could not be read; see that the data directory is readable"}
	}
	return reply(w, bytesType, body)
}

func (s *service) cpu(w http.ResponseWriter, r *http.Request) error {
	rounds, err := number("rounds", r.PathValue("rounds"), 0, 100_000_000)
	if err != nil {
		return err
	}
	return s.compute(w, r, func() []byte { return fmt.Appendf(nil, "%08x", xorshift(rounds)) })
}

func (s *service) hash(w http.ResponseWriter, r *http.Request) error {
	kib, err := number("kib", r.PathValue("kib"), 0, 65_536)
	if err != nil {
		return err
	}
	return s.compute(w, r, func() []byte { return hex.AppendEncode(nil, hashOf(kib)) })
}

// compute answers with what is computed. A goroutine holds up no other, so that what is handed off only waits for a place.
func (s *service) compute(w http.ResponseWriter, r *http.Request, compute func() []byte) error {
	if r.URL.Query().Get("offload") == "1" {
		s.pool <- struct{}{}
		defer func() { <-s.pool }()
	}
	return reply(w, text, compute())
}

// xorshift is the last state of xorshift32 (13, 17, 5) after so many rounds (Marsaglia, Xorshift RNGs, 2003, p. 4).
func xorshift(rounds uint64) uint32 {
	state := uint32(2_463_534_242)
	for range rounds {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
	}
	return state
}

// pattern is fed to the hash over and over: hashing much needs no memory.
var pattern = func() (pattern [64 << 10]byte) {
	for i := range pattern {
		pattern[i] = byte(i)
	}
	return
}()

func hashOf(kib uint64) []byte {
	hash := sha256.New()
	left := kib << 10
	for ; left > uint64(len(pattern)); left -= uint64(len(pattern)) {
		hash.Write(pattern[:])
	}
	hash.Write(pattern[:left])
	return hash.Sum(nil)
}

func upload(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return replyJSON(w, struct {
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}{len(body), hex.EncodeToString(sum[:])})
}

func events(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	n, err := number("n", query.Get("n"), 1, 10_000)
	if err != nil {
		return err
	}
	ms, err := number("ms", query.Get("ms"), 0, 60_000)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("Cache-Control", "no-cache")
	stream := http.NewResponseController(w)
	// The head goes out by itself, so that no length is announced.
	stream.Flush()
	if r.Method == http.MethodHead {
		return nil
	}
	for event := range n {
		if event > 0 && ms > 0 {
			stream.Flush()
			if wait(r.Context(), ms) {
				return nil
			}
		}
		if _, err := fmt.Fprintf(w, "data: %d\n\n", event+1); err != nil {
			return nil
		}
	}
	return nil
}

// wait waits so many milliseconds, or until nobody is there any more, which it then says.
func wait(ctx context.Context, ms uint64) (isGone bool) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return false
	case <-ctx.Done():
		return true
	}
}
