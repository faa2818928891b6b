//! Any bytes, served whole and in pieces; the first byte says how long these are.
#![no_main]

use http1::server::{Connection, Poll, Response};
use http1::{Date, Method};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((piece, input)) = input.split_first() else {
        return;
    };
    assert_eq!(serve(input.chunks(1 + usize::from(*piece))), serve([input]));
});

/// The requests, how the connection stands, and how much was said besides interim answers, which depend on when the
/// body comes.
type Served = (Vec<(Method, String, Vec<u8>)>, bool, bool, usize);

fn serve<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Served {
    let mut connection = Connection::new();
    let (mut requests, mut said) = (Vec::new(), 0);
    for piece in pieces {
        connection.receive(piece);
        loop {
            let mut out = Vec::new();
            let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
                said += without_interim(&out);
                break;
            };
            requests.push((
                request.method,
                request.target.to_owned(),
                request.body.to_vec(),
            ));
            connection.respond(
                &Response {
                    status: 200,
                    content_type: "",
                    headers: &[],
                    body: b"hi",
                },
                &Date::EPOCH,
                &mut out,
            );
            said += without_interim(&out);
        }
    }
    (
        requests,
        connection.is_closing(),
        connection.is_idle(),
        said,
    )
}

fn without_interim(out: &[u8]) -> usize {
    out.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(out)
        .len()
}
