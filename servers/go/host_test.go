package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Set for a process that is to be the server, and not its tests.
const isServer = "BENCH_TEST_IS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(isServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// server is a command that starts the server with these flags.
func server(flags ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], flags...)
	command.Env = append(os.Environ(), isServer+"=1")
	return command
}

func TestItListensAtTheAddressThatItIsGivenAndNotOnTheUsualOne(t *testing.T) {
	// All of 127.0.0.0/8 is this machine. A server that listens on 127.0.0.1 finds its port taken.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, port, _ := net.SplitHostPort(other.Addr().String())
	command := server("-host", "127.0.0.2", "-port", port)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait()
	defer command.Process.Kill()
	line, err := bufio.NewReader(output).ReadString('\n')
	if want := "listening on 127.0.0.2:" + port + "\n"; line != want {
		t.Fatalf("it printed %q (%v), not %q", line, err, want)
	}
	reply, err := http.Get("http://127.0.0.2:" + port + "/json")
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("it answered with %s", reply.Status)
	}
}

func TestAWrongAddressIsAUsageError(t *testing.T) {
	for _, host := range []string{"", "localhost", "[::1]", "127.0.0.1:80"} {
		command := server("-host", host)
		output, _ := command.CombinedOutput()
		code := command.ProcessState.ExitCode()
		if code != 2 || !strings.Contains(string(output), "-host must be an IP address, as in -host 10.0.0.5") {
			t.Errorf("%q: exit code %d, %s", host, code, output)
		}
	}
}
