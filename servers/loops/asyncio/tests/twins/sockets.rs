use asyncio::{TcpListener, TcpStream, create_task, get_running_loop, sleep};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Trace;

async fn echo(trace: Trace, mut stream: TcpStream) {
    let mut buf = [0; 100];
    loop {
        let received = stream.read(&mut buf).await.unwrap();
        if received == 0 {
            break;
        }
        let received = &buf[..received];
        trace.in_order(format!("echoes {}", str::from_utf8(received).unwrap()));
        stream.write_all(received).await.unwrap();
    }
    trace.in_order("the echo's input is over");
}

pub(crate) async fn main(trace: Trace) {
    let event_loop = get_running_loop();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let mut ours = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (theirs, _) = listener.accept().await.unwrap();
    let task = create_task(echo(trace.clone(), theirs));
    sleep(Duration::ZERO).await;
    for text in ["one", "two"] {
        // What is ready runs while the answer is on its way.
        let said = trace.clone();
        event_loop.call_soon(move || said.in_order(format!("sent {text}")));
        ours.write_all(text.as_bytes()).await.unwrap();
        let mut got = [0; 3];
        ours.read_exact(&mut got).await.unwrap();
        trace.in_order(format!("got {}", str::from_utf8(&got).unwrap()));
    }
    ours.shutdown().await.unwrap();
    task.await.unwrap();
    trace.in_order("main");
}
