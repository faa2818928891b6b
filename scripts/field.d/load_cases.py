"""`bench load` against servers that answer oddly, late, or not at all."""

from __future__ import annotations

import json
import resource
import socket
import threading

from case import case
from field import FINE, SERVERS, Field, expect, namespaces, until

# Words that send people to the wrong place.
BLAME = (r"\blost\b", "descriptors", r"connections: \d")


@case("A1 n-stops-at-10s", "`-n 20` against a slow server stops after ten seconds, and nothing says that 18 requests were never sent.")
def n_alone_sends_all(field: Field) -> None:
    """`-n` alone sends all of them; with `-d` too, text and JSON say how many were sent when the time was up."""
    url = field.raw("slow", 300)
    field.load(url, "-n 4 -c 1").exits(0).says(r"4 scheduled = 4 ok")
    field.load(url, "-n 20 -c 1 -d 1s").says(r"stopped by -d after \d+ of 20")
    limit = field.load(url, "-n 20 -c 1 -d 1s --json").json["load"]
    expect(limit.get("requests") == 20, f"the JSON does not have the 20 requests that were asked for: {limit}")
    field.load(field.raw("plain"), "-n 1000 -R 100 -c 4 -d 500ms").says(r"stopped by -d after \d+ of 1,?000")


@case("A2 early-reply", "A server that answers before it has read the whole body is blamed for lost connections.")
def a_reply_before_the_body_is_sent(field: Field) -> None:
    """Every such request succeeds, its connection is not used again, and nobody is blamed."""
    body = field.write("big.bin", b"x" * 6_000_000)
    for port in (field.server("raw.py", "early", 0), field.server("unread_body.js", 0)):
        ran = field.load(f"http://127.0.0.1:{port}/", f"-X POST -D @{body} -c 2 -n 6 --timeout 5s")
        ran.exits(*FINE).says(r"6 ok \+ 0 error").lacks(*BLAME, "look at the target's own output")
    secured = tls_server(field, "san")
    field.load(secured, f"-k -X POST -D @{body} -c 1 -n 3").exits(*FINE).says("3 ok")


@case("A3 early-413", "A server that refuses a body with 413 and closes at once shows up as reset connections, without a status.")
def an_early_refusal_is_read(field: Field) -> None:
    """What has arrived is read before the connection is given up: the failures have status 413."""
    body = field.write("big.bin", b"x" * 30_000_000)
    for delay_ms in (50, 0):
        ran = field.load(field.raw("early413", delay_ms), f"-X POST -D @{body} -c 1 -n 5")
        ran.exits(5).says("5 with status 413", r"-D, -H").lacks("reset connection", *BLAME)


@case("A4 which-status", "Three of four requests fail, and no status code is named anywhere; the exit code is 0.")
def statuses_are_named(field: Field) -> None:
    """Text and JSON count the replies by status; where most failed the exit code is 5 and the measurement invalid."""
    url = field.raw("mixedstatus")
    statuses = "50 with status 404, 50 with status 429 and 50 with status 503"
    field.load(url, "-n 200 -c 1").exits(5).says(f"150 of 200: {statuses}", f"Replies 50 with status 200, {statuses}", "INVALID")
    report = field.load(url, "-n 200 -c 1 --json").json
    expect(report["errors"]["statuses"] == {"404": 50, "429": 50, "503": 50}, f"statuses in JSON: {report['errors']}")
    expect(report["statuses"]["200"] == 50 and report["validity"]["verdict"] == "invalid", "the JSON has 200 × 50 and is invalid")


@case("A5 host-header", "`-H 'Host: …'` is refused, so that a virtual host can't be measured.")
def the_host_header_can_be_given(field: Field) -> None:
    """`-H Host:` replaces the one of the URL; of headers that the program must write itself the option is named that changes them."""
    url = field.raw("vhost")
    field.load(url, "-n 5 -c 1 -H 'Host: api.example.test'").exits(0).says("5 ok")
    field.load(url, "-n 5 -c 1").exits(5).says("5 with status 421", "host's name")
    field.load(url, "-n 5 -H 'Connection: close'").exits(2).says("--disable-keepalive")


@case("A7 malformed-why", "\"5 of 5 requests failed: 5 with a malformed reply\", and why is not said.")
def why_a_reply_is_malformed(field: Field) -> None:
    """The reason of the parser is named, once; what is legal is taken, and nobody is blamed for closed connections."""
    for mode, method, why in (
        ("lf", "GET", "a line ends in LF without CR"),
        ("dupcl", "GET", "Content-Length"),
        ("tecl", "GET", "Content-Length"),
        ("chunk10", "GET", r"HTTP/1\.0"),
        ("spacecolon", "GET", "a field name is not a token"),
        ("s204body", "GET", "bytes came after its end"),
        ("headbody", "HEAD", "bytes came after its end"),
    ):
        ran = field.load(field.raw(mode), f"-n 5 -c 1 -X {method}")
        ran.exits(5).says(rf"5 of 5: 5 with a malformed reply: [^;]*{why}").lacks(*BLAME)
    for legal in ("bighead", "processing"):
        field.load(field.raw(legal), "-n 5 -c 1").exits(*FINE).says("5 ok").lacks("failed")


@case("A13 one-at-a-time", "A server that serves one connection after the other: the advice is to raise -c, which makes it worse.")
def one_connection_at_a_time(field: Field) -> None:
    """The pattern is named, with `-c 1` as the remedy; connections that end as announced are no fault."""
    kept = field.server("one_at_a_time.py", 0)
    field.load(f"http://127.0.0.1:{kept}/", "-c 1 -n 50").exits(*FINE).says("50 ok")
    ran = field.load(f"http://127.0.0.1:{kept}/", "-c 3 -n 100 --timeout 2s")
    ran.says("only 1 of 3 connections were served", "measure with -c 1").lacks("raise -c")
    ended = field.server("one_at_a_time.py", 0, "1.0")
    field.load(f"http://127.0.0.1:{ended}/", "-c 1 -n 50").exits(*FINE).says("closed as announced").lacks(*BLAME)
    many = field.server("one_at_a_time.py", 0)
    # Whether the kernel completes connections that nobody has accepted yet depends on how soon the server takes its first.
    field.load(f"http://127.0.0.1:{many}/", "-n 10").exits(5).says("could open only|if the target serves so many connections one after the other, lower -c")


@case("A14 http-to-tls", "http:// to a port that speaks TLS, or the other way round, reads as a slow or broken server.")
def the_wrong_scheme(field: Field) -> None:
    """Both ways the error names the scheme that would be right."""
    secured = tls_server(field, "san")
    plain_to_tls = secured.replace("https://", "http://")
    field.load(plain_to_tls, "-n 5 -c 1").exits(5).says("https://").lacks("descriptors")
    field.measure(f"m={plain_to_tls.rstrip('/')}").exits(5).says("https|TLS")
    for mode in ("plain", "unserved"):
        url = field.raw(mode).replace("http://", "https://")
        ran = field.load(url, "-k -n 1 -c 1").exits(5)
        ran.says("TLS handshake", "http://").lacks("accepts too slowly", "backlog")


@case("A15 userinfo", "The password of a URL is printed, and not sent.")
def user_and_password(field: Field) -> None:
    """`user:password@` is sent as Basic authentication and never printed, in text or JSON."""
    url = field.raw("basic").replace("http://", "http://user:pass@")
    field.load(url, "-n 5 -c 1").exits(0).says("5 ok").lacks("pass@", "user:pass")
    field.load(url, "-n 5 -c 1 --json").exits(0).lacks("pass@", "user:pass")
    field.load(url.replace("pass@", "wrong@"), "-n 1 -c 1").exits(5).says("Authorization").lacks("wrong@")
    field.measure(f"m={url.rstrip('/')}").exits(2).lacks("user:pass@")


@case("A16 body-without-method", "`-D` sends a GET with a body, without Content-Type and without a word.")
def a_body_is_posted(field: Field) -> None:
    """A body is sent by POST unless -X says otherwise, and JSON without a Content-Type gets a hint."""
    sent, ran = recorded(field, "-n 1 -c 1 -D '{\"a\":1}'")
    expect(sent.startswith("POST / "), f"it sent {sent!r}")
    ran.says("Content-Type: application/json")
    sent, _ = recorded(field, "-n 1 -c 1 -X GET -D a")
    expect(sent.startswith("GET / "), f"it sent {sent!r}")


@case("A17 redirects-are-ok", "A login page's 302 for every request counts as 100 % success, and nothing shows it.")
def redirects_are_named(field: Field) -> None:
    """Replies that redirect elsewhere get a warning with their number and status, unless that status is expected."""
    url = field.raw("redirect", path="/app")
    field.load(url, "-n 20 -c 2").exits(*FINE).says("20 of 20 replies, 20 with status 302", "--expect-status")
    field.load(url, "-n 20 -c 2 --expect-status 302").exits(*FINE).says("20 ok").lacks("redirect elsewhere")


@case("A23 nothing-was-due", "A load in which no request was scheduled ends with \"target failed\", and without a sentence.")
def no_request_was_scheduled(field: Field) -> None:
    """It is invalid, and says to measure longer or at a higher rate; no time at all is refused."""
    url = field.raw("plain")
    field.load(url, "-R 0.02 --arrival poisson -d 100ms -c 1").exits(3).says("no request was scheduled", "-d")
    field.load(url, "-d 0s").exits(2).says("1ms")
    field.load(url, "-c 0").exits(2).lacks("non-zero type")
    field.load(url, "-n 0").exits(2).lacks("non-zero type")


@case("A24 timeout-zero", "`--timeout 0` means \"at once\", where other tools mean \"never\".")
def a_timeout_of_nothing(field: Field) -> None:
    """It is refused, with what to write for a long wait."""
    for nothing in ("0", "0s"):
        field.load("http://127.0.0.1:1/", f"--timeout {nothing}").exits(2).says("1h")


@case("A25 patch", "PATCH can't be measured, and `-X post` gets no hint.")
def any_method(field: Field) -> None:
    """Any method is sent; one whose case is mistyped is refused with the right one."""
    for method in ("PATCH", "QUERY", "PURGE"):
        sent, _ = recorded(field, f"-n 1 -c 1 -X {method}")
        expect(sent.startswith(f"{method} / "), f"it sent {sent!r}")
    field.load("http://127.0.0.1:1/", "-X post").exits(2).says("POST")


@case("A26 path-as-is", "The path is rewritten as a browser does (`/a/../b`, `{id}`), and nobody sees it.")
def the_path_is_sent_as_typed(field: Field) -> None:
    """It is sent as typed but for the fragment; what can't stand in a request is escaped, and the result shows what was sent."""
    path = "/a/%2e%2e/b/./c//d/{id}?x=a|b&y=%2F"
    sent, ran = recorded(field, "-n 1 -c 1", path + "#part")
    expect(sent.startswith(f"GET {path} HTTP/1.1"), f"it sent {sent!r}")
    expect(path in ran.text, f"the result does not show {path}: {ran.text[:200]}")
    sent, ran = recorded(field, "-n 1 -c 1", "/a b/é")
    expect(sent.startswith("GET /a%20b/%C3%A9 HTTP"), f"it sent {sent!r}")
    ran.says("/a%20b/%C3%A9")


@case("A27 no-scheme", "`localhost:8080/` is answered in a parser's words.")
def an_address_without_a_scheme(field: Field) -> None:
    """It is taken as http://; one without a host is answered with a whole address to copy."""
    port = field.server("raw.py", "plain", 0)
    field.load(f"127.0.0.1:{port}", "-n 2 -c 1").exits(0).says("2 ok")
    field.load(":8080/x").exits(2).says("http://localhost:8080/x").lacks("relative URL")
    field.load("http:/127.0.0.1:8080/").exits(2).says("//")
    field.measure(more=f"--url m=127.0.0.1:{port}").exits(*FINE)


@case("B1 dies-midway", "A server that dies after 0.2 s of 6 gives exit code 0, an average over the dead time, and figures that can't be.")
def a_server_that_dies(field: Field) -> None:
    """The exit code is 5, and the result says from when on nothing was answered; no count contradicts another."""
    for load in ("-d 2s -c 8", "-d 2s -c 4 -R 200"):
        port = field.server("target.py", "--port", 0, "--die-after", 200)
        ran = field.load(f"http://127.0.0.1:{port}/", load)
        ran.exits(5).says("stopped answering: no request succeeded after the first").lacks("raise -c", "lost and opened again", "on average \\(0 never")
    url = field.raw("half_ends", 4)
    ran = field.load(url, "-c 10 -R 200 -d 1500ms --json")
    counts = ran.json["connections"]
    expect(counts["opened"] >= 1 and counts["lost"] <= counts["opened"] + counts["reopened"], f"counts: {counts}")
    field.load(field.raw("half_ends", 4), "-c 10 -R 200 -d 1500ms").lacks(r"from (\d+) to (\d+) requests each, \d{4,} on average")


@case("B2 keepalive-race", "A server's own limit for idle connections reads as one that is short of descriptors.")
def idle_connections_are_closed(field: Field) -> None:
    """Lost idle connections are opened again, and the advice names the server's limit and `--disable-keepalive`."""
    ran = field.load(field.raw("idle_limit", 100), "-c 4 -R 8 -d 2500ms").exits(*FINE, 5)
    ran.says("time limit for idle connections", "--disable-keepalive").lacks("descriptors")


@case("B3 tls-v1", "`--insecure` refuses a certificate of X.509 version 1, and advises --insecure.")
def an_old_certificate(field: Field) -> None:
    """`-k` believes any certificate; without it the error is in plain words and names -k and --cacert."""
    for kind in ("v1", "cn", "san"):
        field.load(tls_server(field, kind), "-k -n 3 -c 1").exits(*FINE).says("3 ok")
    url = tls_server(field, "cn")
    field.load(url, "-n 1 -c 1").exits(5).says("--cacert", "--insecure|-k").lacks(r"Other\(")
    field.load(url, f"-n 1 -c 1 --cacert {certificate(field, 'cn')[0]}").exits(*FINE, 5).lacks(r"Other\(")


@case("B4 tls-more", "A server that wants a client certificate reads as one that accepts too slowly, and is met with 850 handshakes a second.")
def other_ends_of_tls(field: Field) -> None:
    """A missing client certificate and a server that speaks only HTTP/2 are named; handshakes are repeated with pauses."""
    mutual = tls_server(field, "san", "mtls", str(certificate(field, "ca")[0]))
    for connections in ("-c 20", "-c 1"):
        field.load(mutual, f"-k -n 3 {connections}").exits(5).says("client certificate").lacks("accepts too slowly")
    field.load(tls_server(field, "san", "h2only"), "-k -n 3 -c 1").exits(5).says("HTTP/2")


@case("B11 big-bodies", "Replies that take longer than the time-out: nothing says that their bytes were still coming.")
def replies_that_were_still_coming(field: Field) -> None:
    """Time-outs in the middle of a reply are counted as such, in text and JSON."""
    url = field.raw("big100")
    ran = field.load(url, "-c 16 -n 16 --timeout 200ms").says("timed out", "still com").lacks(*BLAME)
    ran.lacks("it closed connections")
    report = field.load(url, "-c 16 -n 16 --timeout 200ms --json").json
    expect(report["errors"].get("cut_off", 0) > 0, f"the JSON counts none: {report['errors']}")
    field.load(field.raw("trickle"), "--timeout 300ms -c 2 -n 4").says(r"4 timeout \+ 0 unfinished", "still com")


@case("B15 sync-workers", "Two workers that keep one connection each: 48 of 50 connections are never served, and the advice is to raise -c.")
def workers_that_keep_connections(field: Field) -> None:
    """The number of connections that were served is named, with fewer connections as the remedy."""
    port = field.server("sync_workers.py", 0, 2, "keep")
    ran = field.load(f"http://127.0.0.1:{port}/", "-c 20 -d 1s -n 300 --timeout 1s")
    ran.says("only 2 of 20 connections were served").lacks("raise -c")
    closing = field.server("sync_workers.py", 0, 2)
    field.load(f"http://127.0.0.1:{closing}/", "-c 4 -n 100").exits(*FINE).says("100 ok").lacks(*BLAME)


@case("B16 many-unopened", "Options of curl, wrk, hey and ab are answered with whatever is spelled alike.")
def options_of_other_tools(field: Field) -> None:
    """The error names the option of `bench load` that does the same."""
    for option, ours in (("--data", "-D"), ("--latency", "percentiles"), ("-q", "-R"), ("-m", "-X"), ("-t", "--load-cpus")):
        field.load("http://127.0.0.1:1/", f"{option} 1").exits(2).says(f"tip:.*{ours}").lacks("to pass '-")


@case("B19 ports-v6", "Without a free local port the load fails; on 127.0.0.1 there would have been 65,000 more.")
def no_local_port(field: Field) -> None:
    """127.0.0.1 takes every address of the loopback; elsewhere the warning says that the generator ran out and what helps."""
    network = namespace_of_few_ports()
    steps = "python3 -u {raw} plain 7000 & sleep 0.3; {bench} load http://{host}:7000/ -n 400 -c 4 --disable-keepalive; code=$?; kill $!; exit $code"
    for host, check in (("127.0.0.1", lambda ran: ran.exits(*FINE).says("400 ok")), ("localhost", lambda ran: ran.says("400 ok|127.0.0.1"))):
        line = steps.format(raw=SERVERS / "raw.py", bench=field.bench_path, host=host)
        check(field.run(*network, line))


@case("C1 legal-replies", "Legal replies of unusual shapes: trailers, early hints, HTTP/1.0, bodies that end with the connection.")
def legal_replies(field: Field) -> None:
    """All of them are taken; connections that end as announced are counted as such and are no warning."""
    for mode in ("plain", "trailers", "hints", "noreason", "oddcase", "http10", "http10ka", "untilclose", "every3"):
        field.load(field.raw(mode), "-n 40 -c 2").exits(*FINE).says("40 ok").lacks("failed", *BLAME)
    field.load(field.raw("every3"), "-n 30 -c 1").says("closed as announced")
    field.load(field.raw("silentclose"), "-n 40 -c 2").says("--disable-keepalive|40 ok")


@case("C2 slow-answers", "Answers slower than the time-out are blamed on the server's connections; -d and --timeout are not named.")
def slow_answers(field: Field) -> None:
    """They are time-outs, the advice names --timeout, and connections that `bench` closed are counted as its own."""
    ran = field.load(field.raw("slow", 1500), "-c 2 -n 2 --timeout 200ms").exits(5)
    ran.says("2 timed out", "2 closed by bench", "raise --timeout").lacks(*BLAME)


@case("C3 more-connections", "How many requests a number of them is, by any of the options.")
def exactly_n(field: Field) -> None:
    """`-n` is met exactly, counted on the server, with any number of connections, a rate, or a connection for each request."""
    for options in ("-n 7 -c 50", "-n 50 -c 7", "-n 40 -c 4 -R 400", "-n 40 -c 4 --disable-keepalive"):
        sent = Counter()
        number = int(options.split()[1])
        ran = field.load(sent.url, options)
        ran.exits(*FINE).says(f"{number} scheduled = {number} ok")
        expect(sent.requests == number, f"{options}: the server counted {sent.requests}")


@case("C9 headers", "Headers are changed, reordered or joined on the way.")
def headers_as_typed(field: Field) -> None:
    """They are sent as typed and in order, repeated ones too; one with a line break is refused."""
    lines = "-H 'X-B: 1' -H 'Cookie: a=1' -H 'x-a: ü' -H 'Cookie: b=2' -H 'X-Empty:'"
    sent, _ = recorded(field, f"-n 1 -c 1 {lines}")
    names = ["X-B: 1", "Cookie: a=1", "x-a: ü", "Cookie: b=2", "X-Empty:"]
    places = [sent.find(name) for name in names]
    expect(-1 not in places and places == sorted(places), f"it sent {sent!r}")
    field.bench("load", "http://127.0.0.1:1/", "-H", "X: a\r\nY: b").exits(2)


@case("C10 body-sources", "Bodies that can't be read: missing files, directories, endless ones.")
def bodies_that_can_not_be_read(field: Field) -> None:
    """Each is refused with its name and the reason; a file and standard input are taken."""
    port = field.server("raw.py", "plain", 0)
    url = f"http://127.0.0.1:{port}/"
    for source, why in (("@missing", "missing"), ("@.", "directory"), ("@/dev/zero", "more than"), ("@", "@FILE|name")):
        field.load(url, f"-n 1 -c 1 -D {source}").exits(2).says(why).lacks("from : No such")
    field.load(url, "-n 1 -c 1 -D @-", stdin=b"hello").exits(0).says("1 ok")


@case("C11 rates", "A closed or limited load that misses its rate says nothing; `7d` is \"not a duration\".")
def rates_and_units(field: Field) -> None:
    """A rate that was missed is a warning whatever ended the load; units that are taken are listed where one is not."""
    url = field.raw("slow", 100)
    field.load(url, "-c 1 -R 100 -n 20").says("scheduled rate was not reached|rate was not reached")
    field.load(url, "-c 1 -R 100 -n 20 -d 1s").says(r"20 scheduled")
    for rate in ("1.5k/s", "1e3", "200"):
        field.load(field.raw("plain"), f"-R {rate} -n 5 -c 1").exits(*FINE).says("5 ok")
    for rate in ("1/m", "1,000", "-3"):
        field.load(url, f"--rate={rate}").exits(2).says("requests a second")
    field.load(url, "-d 7days").exits(2).says("ms|unit")


@case("C12 ipv6-literal", "Names and addresses in all their spellings.")
def spellings_of_hosts(field: Field) -> None:
    """An IPv6 address is written in brackets to connect and in `Host`; a zone is refused with a reason."""
    port = field.server("target.py", "--port", 0)
    field.load(f"http://localhost:{port}/", "-n 2 -c 1").exits(0).says("2 ok")
    counter = Counter(family=socket.AF_INET6)
    field.load(counter.url, "-n 2 -c 1").exits(0).says("2 ok")
    expect(f"Host: [::1]:{counter.port}" in counter.first, f"it sent {counter.first!r}")
    field.load("http://[fe80::1%25eth0]:80/").exits(2).says("fe80")


@case("C13 fd-limit", "More connections than the system allows descriptors.")
def too_few_descriptors(field: Field) -> None:
    """It is refused before the load with the number that is needed; a soft limit is raised."""
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    url = field.raw("plain")
    field.load(url, "-c 100 -n 1", prepare=limited).exits(2).says(r"need \d+ file descriptors", "64")

    def soft() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))

    field.load(url, "-c 100 -n 200", prepare=soft).exits(*FINE).says("200 ok")


@case("F2 n-with-rate", "`-n 10 -R 1000` against a slow server schedules a thousand requests.")
def n_bounds_an_open_loop(field: Field) -> None:
    """No more than -n are scheduled, however far the load falls behind."""
    field.load(field.raw("slow", 3000), "-c 1 -R 1000 -n 10 -d 500ms").says("10 scheduled")


@case("F4 lag-of-nothing", "\"INVALID: the generator sent late: p99 0 ns\": a percentile that is not known reads as zero.")
def an_unknown_percentile_is_no_zero(field: Field) -> None:
    """No time of 0 ns is printed where there are too few samples, and the limits named are those that were exceeded."""
    url = field.raw("plain")
    for _ in range(3):
        field.load(url, "-R 20 -d 1s -c 4").lacks(r"p99 0 ns")


@case("F6 no-pause-before-reopening", "An idle connection that is lost is opened again at once, for ever: 323 connections for 30 requests.")
def lost_connections_are_opened_with_pauses(field: Field) -> None:
    """Reopening waits longer each time; 4 connections in two seconds are some dozens, not hundreds."""
    ran = field.load(field.raw("refused"), "-R 10 -c 4 -d 2s --json")
    if ran.out:
        opened = ran.json["connections"]["opened"]
        expect(opened < 150, f"{opened} connections were opened in two seconds")
    else:
        ran.exits(5).says("closed connections")


@case("X1 drain-is-no-throughput", "Replies that come after the end count, the time until they come does not: 15/s of a server that can 10.5.")
def throughput_counts_its_time(field: Field) -> None:
    """Throughput is replies over the time in which they could come."""
    report = field.load(field.raw("slow", 950), "-c 10 -d 1500ms --json").json
    expect(report["throughput_per_s"] <= 11.0, f"throughput {report['throughput_per_s']}/s of a server that can 10.5/s")


@case("X2 timed-out-not-unfinished", "With -n, requests that time out last are called unfinished.")
def the_last_ones_time_out(field: Field) -> None:
    """They are time-outs, and the advice is about --timeout."""
    field.load(field.raw("slow", 3000), "-n 2 -c 2 --timeout 300ms").exits(5).says(r"2 timeout \+ 0 unfinished", "--timeout")


@case("X3 closes-of-our-own", "Connections that `bench` itself closed are called lost, and the server is blamed.")
def closes_of_our_own(field: Field) -> None:
    """After a time-out or a malformed reply the closes are counted as ours, without advice about the server."""
    field.load(field.raw("lf"), "-n 4 -c 2 --json").exits(5)
    counts = field.load(field.raw("lf"), "-n 4 -c 2 --json").json["connections"]
    expect(counts["lost"] == 0 and counts["given_up"] > 0, f"counts: {counts}")


@case("X6 what-was-loaded", "A saved result does not say which address, method and number it is of.")
def the_json_says_what_was_loaded(field: Field) -> None:
    """The JSON has the address as it was sent (without a password), the method, the wishes, the program's version and the time."""
    url = field.raw("plain", path="/a?b=1")
    report = field.load(url.replace("http://", "http://u:secret@"), "-X PUT -n 3 -c 1 --json").json
    text = json.dumps(report)
    for part in ("/a?b=1", "PUT", '"requests": 3', "bench_version", "started_at"):
        expect(part in text, f"the JSON has no {part}: {text[:300]}")
    expect("secret" not in text, "the JSON has the password")


# -- servers of these cases


def certificate(field: Field, kind: str) -> tuple[str, str]:
    """A certificate and its key, by openssl: `san` names what it is for, `cn` has a common name only, `v1` is of version 1, `ca` signs others."""
    pem, key = field.dir / f"{kind}.pem", field.dir / f"{kind}.key"
    if pem.exists():
        return str(pem), str(key)
    fresh = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-subj", "/CN=localhost"]
    if kind == "v1":
        # OpenSSL before 3.4 signs without extensions as version 1.
        field.run(*fresh, "-new", "-out", f"{kind}.csr").exits(0)
        field.run("openssl", "x509", "-req", "-in", f"{kind}.csr", "-signkey", str(key), "-days", "9", "-out", str(pem)).exits(0)
    else:
        named = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"] if kind == "san" else []
        field.run(*fresh, "-x509", "-days", "9", "-out", str(pem), *named).exits(0)
    return str(pem), str(key)


def tls_server(field: Field, kind: str, *mode: str) -> str:
    """The address of a server that speaks TLS."""
    pem, key = certificate(field, kind)
    return f"https://127.0.0.1:{field.server('https.js', pem, key, 0, *mode)}/"


class Counter:
    """A server that answers anything, keeps the first request, and counts all."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.requests = 0
        self.first = ""
        self.lock = threading.Lock()
        self.listener = socket.socket(family)
        self.listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen(1024)
        self.port = self.listener.getsockname()[1]
        host = "[::1]" if family == socket.AF_INET6 else "127.0.0.1"
        self.url = f"http://{host}:{self.port}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        """Takes connections for as long as the program lives."""
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        """Answers each request of a connection."""
        with connection, connection.makefile("rb") as lines:
            while head := self.head(lines):
                with self.lock:
                    self.requests += 1
                    self.first = self.first or head
                length = next((int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0)
                lines.read(length)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    @staticmethod
    def head(lines: object) -> str:
        """The head of the next request; nothing at the end."""
        text = b""
        while (line := lines.readline(65536)) not in (b"\r\n", b""):
            text += line
        return text.decode()


def recorded(field: Field, options: str, path: str = "/") -> tuple[str, object]:
    """What the first request of a load looks like, and how the load ended."""
    counter = Counter()
    ran = field.load(counter.url.rstrip("/") + path, options).exits(*FINE)
    return until("a request", lambda: counter.first), ran


def namespace_of_few_ports() -> list[str]:
    """A command that runs a shell line in a network of its own with 200 local ports."""
    settings = "ip link set lo up; echo 50000 50199 > /proc/sys/net/ipv4/ip_local_port_range; echo 0 > /proc/sys/net/ipv4/tcp_tw_reuse; "
    return [*namespaces("-n"), "sh", "-c", settings + 'eval "$0"']
