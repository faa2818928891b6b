use asyncio::{Protocol, Transport, get_running_loop, sleep};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use crate::Trace;

struct Reader {
    trace: Trace,
    transport: RefCell<Option<Transport>>,
}

impl Protocol for Reader {
    fn connection_made(&self, transport: &Transport) {
        self.transport.replace(Some(transport.clone()));
    }

    fn data_received(&self, data: &[u8]) {
        let text = str::from_utf8(data).unwrap();
        self.trace.at_turn(format!("received {text}"));
        self.transport.borrow().as_ref().unwrap().pause_reading();
    }

    fn connection_lost(&self, error: Option<io::Error>) {
        let failed = error.is_some();
        self.trace.at_turn(format!("lost, error: {failed}"));
    }
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = event_loop.create_connection(listener.local_addr().unwrap(), || {
        Rc::new(Reader {
            trace: trace.clone(),
            transport: RefCell::default(),
        })
    });
    let (transport, _) = connected.await.unwrap();
    let (mut theirs, _) = listener.accept().unwrap();
    theirs.write_all(b"one").unwrap();
    sleep(Duration::from_secs(1)).await;
    theirs.write_all(b"two").unwrap();
    sleep(Duration::from_secs(1)).await;
    trace.at_turn(format!("reading: {}", transport.is_reading()));
    transport.resume_reading();
    transport.resume_reading();
    sleep(Duration::from_secs(1)).await;
    // Aborted, what waits is dropped; the protocol hears of it in the next turn.
    transport.write(b"?");
    transport.abort();
    transport.abort();
    transport.resume_reading();
    trace.at_turn(format!("aborted, reading: {}", transport.is_reading()));
    sleep(Duration::from_secs(1)).await;
    trace.at_turn("main");
}
