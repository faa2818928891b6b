use asyncio::{Event, Protocol, Transport, create_task, get_running_loop};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::Trace;

struct Writer {
    trace: Trace,
    resumed: Event,
    lost: Event,
}

impl Protocol for Writer {
    fn data_received(&self, _: &[u8]) {}

    fn pause_writing(&self) {
        self.trace.in_order("pause");
    }

    fn resume_writing(&self) {
        self.trace.in_order("resume");
        self.resumed.set();
    }

    fn connection_lost(&self, error: Option<io::Error>) {
        self.trace
            .in_order(format!("lost, error: {}", error.is_some()));
        self.lost.set();
    }
}

#[derive(Default)]
struct Reader {
    transport: RefCell<Option<Transport>>,
}

impl Protocol for Reader {
    fn connection_made(&self, transport: &Transport) {
        self.transport.replace(Some(transport.clone()));
        transport.pause_reading();
    }

    fn data_received(&self, _: &[u8]) {}
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let reader = Rc::new(Reader::default());
    let known = Rc::clone(&reader);
    let server = event_loop
        .create_server(listener, |_| 0, move || Rc::<Reader>::clone(&known))
        .unwrap();
    let connected = event_loop.create_connection(addr, || {
        Rc::new(Writer {
            trace: trace.clone(),
            resumed: Event::new(),
            lost: Event::new(),
        })
    });
    let (writer, protocol) = connected.await.unwrap();
    while reader.transport.borrow().is_none() {
        create_task(async {}).await.unwrap();
    }
    server.close();
    let theirs = reader.transport.borrow().clone().unwrap();
    writer.write(b"little");
    trace.in_order(format!("waiting: {}", writer.write_buffer_size()));
    // More than the kernel's buffers hold; how much that is says the machine.
    let much = vec![0; 32 * 1024 * 1024];
    writer.write(&much);
    trace.in_order(format!("waiting: {}", writer.write_buffer_size() > 64 * 1024));
    writer.write(&much);
    theirs.resume_reading();
    protocol.resumed.wait().await;
    let low = writer.write_buffer_size() <= 16 * 1024;
    trace.in_order(format!("waiting at most the low-water mark: {low}"));
    // Limits of our own: more than 0 is too much.
    protocol.resumed.clear();
    writer.set_write_buffer_limits(0, 0);
    theirs.pause_reading();
    writer.write(&much);
    trace.in_order("closes");
    writer.close();
    writer.write(b"after that");
    theirs.resume_reading();
    protocol.lost.wait().await;
    let (waiting, resumed) = (writer.write_buffer_size(), protocol.resumed.is_set());
    trace.in_order(format!("waiting: {waiting}, resumed: {resumed}"));
}
