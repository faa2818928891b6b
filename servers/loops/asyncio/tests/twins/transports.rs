use asyncio::{Event, Protocol, Transport, get_running_loop, sleep};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

struct Says {
    trace: Trace,
    name: &'static str,
    lost: Event,
    transport: RefCell<Option<Transport>>,
}

impl Says {
    fn new(trace: &Trace, name: &'static str) -> Rc<Self> {
        trace.at_turn(format!("{name} is made"));
        Rc::new(Self {
            trace: trace.clone(),
            name,
            lost: Event::new(),
            transport: RefCell::default(),
        })
    }

    fn answer(&self, data: &[u8]) {
        if self.name == "server" {
            self.transport.borrow().as_ref().unwrap().write(data);
        }
    }
}

impl Protocol for Says {
    fn connection_made(&self, transport: &Transport) {
        self.trace.at_turn(format!("{} is connected", self.name));
        self.transport.replace(Some(transport.clone()));
    }

    fn data_received(&self, data: &[u8]) {
        let text = str::from_utf8(data).unwrap();
        self.trace.at_turn(format!("{} received {text}", self.name));
        self.answer(data);
    }

    fn eof_received(&self) -> bool {
        self.trace.at_turn(format!("{} received the end", self.name));
        self.answer(b"bye");
        false
    }

    fn connection_lost(&self, error: Option<io::Error>) {
        let failed = error.is_some();
        self.trace
            .at_turn(format!("{} is lost, error: {failed}", self.name));
        self.transport.take();
        self.lost.set();
    }
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let servers: Rc<RefCell<Vec<Rc<Says>>>> = Rc::default();

    let (made, told) = (Rc::clone(&servers), trace.clone());
    let factory = move || -> Rc<dyn Protocol> {
        let server = Says::new(&told, "server");
        made.borrow_mut().push(Rc::clone(&server));
        server
    };

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = event_loop
        .create_server(listener, |_| 1_000, factory)
        .unwrap();
    // `create_server` gives the loop a turn to begin listening.
    sleep(Duration::ZERO).await;
    trace.at_turn("connects");
    let connected = event_loop.create_connection(addr, || Says::new(&trace, "client"));
    let (transport, client) = connected.await.unwrap();
    trace.at_turn("has connected");
    server.close();
    transport.write(b"one");
    sleep(Duration::ZERO).await;
    transport.write(b"two");
    transport.write_eof();
    client.lost.wait().await;
    let theirs = Rc::clone(&servers.borrow()[0]);
    theirs.lost.wait().await;
    // What is lost takes nothing.
    transport.close();
    transport.abort();
    trace.at_turn(format!("closing: {}", transport.is_closing()));
}
