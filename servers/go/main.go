// The work contract on Go's net/http, with the standard library alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// Longest time that requests in flight are given.
	grace = 10 * time.Second

	maxBodyBytes = 1 << 20

	// The longest head is 16 KiB; net/http takes 4 KiB more than it is given here.
	maxHeaderBytes = 16<<10 - 4<<10
)

func main() {
	log.SetFlags(0)
	host := flag.String("host", "127.0.0.1", "address to listen on; 0.0.0.0 is all that this machine has")
	port := flag.Int("port", 0, "port; 0 takes any free one")
	dataDir := flag.String("data-dir", ".", "directory of the files that /file/{kib} reads")
	upstream := flag.String("upstream", "", "backend that /upstream calls, as HOST:PORT; without one it answers 503")
	pool := flag.Int("pool", 4, "how many computations of /cpu and /hash?offload=1 run at once")
	workers := flag.Int("workers", 1, "threads that run Go code (GOMAXPROCS)")
	version := flag.Bool("version", false, "print the version of Go that this was built by")
	flag.Parse()
	if *version {
		fmt.Println(runtime.Version())
		return
	}
	if flag.NArg() > 0 || *pool < 1 || *workers < 1 {
		log.Fatal("-pool and -workers must be 1 or more, and nothing may follow the flags; -help says more")
	}
	if _, err := netip.ParseAddr(*host); err != nil {
		log.Printf("-host must be an IP address, as in -host 10.0.0.5 or -host fd00::5; it is %q", *host)
		os.Exit(2)
	}
	runtime.GOMAXPROCS(*workers)

	listener, err := net.Listen("tcp", net.JoinHostPort(*host, strconv.Itoa(*port)))
	if err != nil {
		log.Fatalf("%v; choose another -port, 0 for any free one, or an address of this machine as -host", err)
	}
	server := &http.Server{
		Handler:        newService(*dataDir, *upstream, *pool).routes(),
		MaxHeaderBytes: maxHeaderBytes,
	}
	asked, release := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-asked.Done()
		// A second signal does not wait.
		release()
		limited, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		// Running out of grace is not a failure: that is what it is there for.
		server.Shutdown(limited)
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-stopped
}
