//! Listeners and streams: compare `streams.c`.

use crate::Trace;
use libuv::{BindSettings, Handle, Listener, Loop, Phase, Read, Tcp, bind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;

/// A stream that will be there.
type Slot = Rc<Cell<Option<Tcp>>>;

const NAMES: [&str; 3] = ["first", "second", "third"];

fn listen(
    event_loop: &mut Loop,
    on_connection: impl FnMut(&mut Loop, Listener, Tcp) + 'static,
) -> SocketAddr {
    let settings = BindSettings {
        addr: (Ipv4Addr::LOCALHOST, 0).into(),
        backlog: 2048,
        reuse_port: false,
    };
    let listener = bind(&settings).unwrap();
    let addr = listener.local_addr().unwrap();
    event_loop.listen(listener, |_| 0, on_connection).unwrap();
    addr
}

fn say_read(event_loop: &Loop, trace: &Trace, name: &str, read: &Read<'_>) {
    let text = match read {
        Read::Data(bytes) => format!("{name} reads {}", str::from_utf8(bytes).unwrap()),
        Read::End => format!("{name} ends"),
        Read::Failed(_) => format!("{name} fails"),
    };
    trace.at(event_loop, &text);
}

fn read_saying(event_loop: &mut Loop, trace: &Trace, tcp: Tcp, name: &'static str) {
    let own = trace.clone();
    event_loop.read_start(tcp, move |event_loop, _, read| {
        say_read(event_loop, &own, name, &read);
    });
}

fn send(
    event_loop: &mut Loop,
    trace: &Trace,
    (tcp, name): (Tcp, &'static str),
    text: &'static str,
    bytes: &[u8],
) {
    let own = trace.clone();
    event_loop.write_then(tcp, bytes, move |event_loop, outcome| {
        let did = if outcome.is_ok() {
            "wrote"
        } else {
            "could not write"
        };
        own.at(event_loop, &format!("{name} {did} {text}"));
    });
}

fn send_text(event_loop: &mut Loop, trace: &Trace, to: (Tcp, &'static str), text: &'static str) {
    send(event_loop, trace, to, text, text.as_bytes());
}

fn end_sending(event_loop: &mut Loop, trace: &Trace, (tcp, name): (Tcp, &'static str)) {
    let own = trace.clone();
    event_loop.shutdown(tcp, move |event_loop, outcome| {
        let did = if outcome.is_ok() { "has" } else { "could not" };
        own.at(event_loop, &format!("{name} {did} shut down"));
    });
}

fn say_connected(trace: &Trace) -> impl FnOnce(&mut Loop, Tcp, std::io::Result<()>) + use<> {
    let own = trace.clone();
    move |event_loop, _, outcome| {
        let connected = u8::from(outcome.is_ok());
        own.at(event_loop, &format!("client connects: {connected}"));
    }
}

/// A listener that accepts one connection, which nobody reads yet.
fn accept_only(event_loop: &mut Loop) -> (SocketAddr, Slot) {
    let accepted: Slot = Rc::default();
    let known = Rc::clone(&accepted);
    let addr = listen(event_loop, move |event_loop, listener, tcp| {
        known.set(Some(tcp));
        event_loop.close(listener);
    });
    (addr, accepted)
}

fn read_at_5_ms(event_loop: &mut Loop, trace: &Trace, accepted: Slot) {
    let own = trace.clone();
    let timer = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "reads");
        read_saying(event_loop, &own, accepted.get().unwrap(), "server");
    });
    event_loop.start_timer(timer, 5, 0);
}

pub(crate) fn accepting(event_loop: &mut Loop, trace: &Trace) {
    let own = trace.clone();
    let clients: Rc<RefCell<Vec<TcpStream>>> = Rc::default();
    let (kept, mut times) = (Rc::clone(&clients), 0);
    let addr = listen(event_loop, move |event_loop, listener, tcp| {
        // They stay open until then.
        let _clients = &kept;
        let (name, reads) = (NAMES[times], own.clone());
        own.at(event_loop, &format!("accepts {name}"));
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            say_read(event_loop, &reads, name, &read);
            reads.close(event_loop, tcp, name);
        });
        times += 1;
        if times == 3 {
            own.close(event_loop, listener, "listener");
        }
    });
    for name in NAMES {
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(name.as_bytes()).unwrap();
        clients.borrow_mut().push(client);
    }
}

pub(crate) fn talking(event_loop: &mut Loop, trace: &Trace) {
    let accepted: Slot = Rc::default();
    let (known, own) = (Rc::clone(&accepted), trace.clone());
    let addr = listen(event_loop, move |event_loop, listener, tcp| {
        known.set(Some(tcp));
        own.at(event_loop, "accepts");
        let answers = own.clone();
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            say_read(event_loop, &answers, "server", &read);
            match read {
                Read::Data(_) => send_text(event_loop, &answers, (tcp, "server"), "pong"),
                _ => end_sending(event_loop, &answers, (tcp, "server")),
            }
        });
        own.close(event_loop, listener, "listener");
    });
    let own = trace.clone();
    event_loop.connect(addr, move |event_loop, tcp, outcome| {
        say_connected(&own)(event_loop, tcp, outcome);
        let reads = own.clone();
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            say_read(event_loop, &reads, "client", &read);
            if matches!(read, Read::Data(_)) {
                end_sending(event_loop, &reads, (tcp, "client"));
            } else {
                reads.close(event_loop, tcp, "client");
                reads.close(event_loop, accepted.get().unwrap(), "server");
            }
        });
        send_text(event_loop, &own, (tcp, "client"), "ping");
    });
}

pub(crate) fn write_queue(event_loop: &mut Loop, trace: &Trace) {
    let (addr, accepted) = accept_only(event_loop);
    let own = trace.clone();
    event_loop.connect(addr, move |event_loop, tcp, outcome| {
        own.at(
            event_loop,
            &format!("connects: {}", u8::from(outcome.is_ok())),
        );
        for name in NAMES {
            send_text(event_loop, &own, (tcp, "client"), name);
            let queued = u8::from(event_loop.write_queue_bytes(tcp) > 0);
            own.at(event_loop, &format!("queued after {name}: {queued}"));
        }
        end_sending(event_loop, &own, (tcp, "client"));
    });
    read_at_5_ms(event_loop, trace, accepted);
}

pub(crate) fn written_before_connected(event_loop: &mut Loop, trace: &Trace) {
    let (addr, accepted) = accept_only(event_loop);
    let tcp = event_loop.connect(addr, say_connected(trace));
    send_text(event_loop, trace, (tcp, "client"), "early");
    send_text(event_loop, trace, (tcp, "client"), "earlier than connected");
    end_sending(event_loop, trace, (tcp, "client"));
    read_at_5_ms(event_loop, trace, accepted);
}

pub(crate) fn refused(event_loop: &mut Loop, trace: &Trace) {
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    bound.bind(&any.into()).unwrap();
    let addr = bound.local_addr().unwrap().as_socket().unwrap();
    let say = say_connected(trace);
    let tcp = event_loop.connect(addr, move |event_loop, tcp, outcome| {
        // It stays bound until then.
        drop(bound);
        say(event_loop, tcp, outcome);
    });
    send_text(event_loop, trace, (tcp, "client"), "nothing");
}

pub(crate) fn closed_while_writing(event_loop: &mut Loop, trace: &Trace) {
    let (addr, _) = accept_only(event_loop);
    let own = trace.clone();
    let client = event_loop.connect(addr, move |event_loop, tcp, outcome| {
        own.at(
            event_loop,
            &format!("connects: {}", u8::from(outcome.is_ok())),
        );
        send_text(event_loop, &own, (tcp, "client"), "little");
        send(
            event_loop,
            &own,
            (tcp, "client"),
            "much",
            &vec![0; 64 * 1024 * 1024],
        );
        send_text(event_loop, &own, (tcp, "client"), "more");
        end_sending(event_loop, &own, (tcp, "client"));
    });
    let own = trace.clone();
    let closes = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "closes");
        own.close(event_loop, client, "client");
    });
    event_loop.start_timer(closes, 5, 0);
}

pub(crate) fn pausing(event_loop: &mut Loop, trace: &Trace) {
    fn read_once(event_loop: &mut Loop, trace: &Trace, tcp: Tcp) {
        let own = trace.clone();
        event_loop.read_start(tcp, move |event_loop, tcp, read| {
            say_read(event_loop, &own, "server", &read);
            event_loop.read_stop(tcp);
        });
    }
    let accepted: Slot = Rc::default();
    let (known, own) = (Rc::clone(&accepted), trace.clone());
    let addr = listen(event_loop, move |event_loop, listener, tcp| {
        known.set(Some(tcp));
        read_once(event_loop, &own, tcp);
        event_loop.close(listener);
    });
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(b"one").unwrap();
    let client = Rc::new(RefCell::new(Some(client)));
    let (sender, own) = (Rc::clone(&client), trace.clone());
    let sends = event_loop.add_timer(move |event_loop, _| {
        own.at(event_loop, "sends");
        let mut client = sender.borrow_mut();
        client.as_mut().unwrap().write_all(b"again").unwrap();
    });
    event_loop.start_timer(sends, 5, 0);
    for (name, after) in [("reads on", 10), ("reads on, after the end", 20)] {
        let (accepted, client, own) = (Rc::clone(&accepted), Rc::clone(&client), trace.clone());
        let reads = event_loop.add_timer(move |event_loop, _| {
            own.at(event_loop, name);
            if after == 10 {
                read_once(event_loop, &own, accepted.get().unwrap());
            } else {
                read_saying(event_loop, &own, accepted.get().unwrap(), "server");
                client.borrow_mut().take();
            }
        });
        event_loop.start_timer(reads, after, 0);
    }
}

pub(crate) fn pending_rounds(event_loop: &mut Loop, trace: &Trace) {
    fn write_next(event_loop: &mut Loop, tcp: Tcp, times: Rc<Cell<u32>>) {
        event_loop.write_then(tcp, b"x", move |event_loop, _| {
            times.set(times.get() + 1);
            if times.get() < 12 {
                write_next(event_loop, tcp, times);
            }
        });
    }
    let (addr, accepted) = accept_only(event_loop);
    let own = trace.clone();
    event_loop.connect(addr, move |event_loop, client, _| {
        let times = Rc::new(Cell::new(0));
        let told = Rc::clone(&times);
        let check = event_loop.add_watcher(Phase::Check, move |event_loop, itself| {
            own.at(event_loop, &format!("writes told: {}", told.get()));
            if told.get() == 12 {
                event_loop.stop_watcher(itself);
                let server = accepted.get().unwrap();
                for handle in [Handle::from(client), Handle::from(server)] {
                    event_loop.close(handle);
                }
            }
        });
        event_loop.start_watcher(check);
        write_next(event_loop, client, times);
    });
}

pub(crate) fn full_batches(event_loop: &mut Loop, trace: &Trace) {
    const MANY: usize = 1030;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    let servers: Rc<RefCell<Vec<Tcp>>> = Rc::default();
    let known = Rc::clone(&servers);
    let addr = listen(event_loop, move |event_loop, listener, tcp| {
        known.borrow_mut().push(tcp);
        if known.borrow().len() == MANY {
            event_loop.close(listener);
        }
    });
    let mut clients: Vec<_> = (0..MANY)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    let own = trace.clone();
    let sends = event_loop.add_timer(move |event_loop, _| {
        own.line(&format!("accepted: {}", servers.borrow().len()));
        let reads = Rc::new(Cell::new(0));
        let (counted, says) = (Rc::clone(&reads), own.clone());
        let check = event_loop.add_watcher(Phase::Check, move |event_loop, itself| {
            if counted.get() > 0 {
                says.line(&format!("reads in one turn: {}", counted.get()));
                event_loop.stop_watcher(itself);
            }
        });
        event_loop.start_watcher(check);
        for (&server, client) in servers.borrow().iter().zip(&mut clients) {
            let reads = Rc::clone(&reads);
            event_loop.read_start(server, move |event_loop, tcp, read| {
                reads.set(reads.get() + u32::from(matches!(read, Read::Data(_))));
                event_loop.read_stop(tcp);
            });
            client.write_all(b"x").unwrap();
        }
    });
    event_loop.start_timer(sends, 1000, 0);
}
