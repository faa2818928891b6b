//! Any bytes, served whole and in pieces; the first byte says how long these are. Every second answer is given in parts,
//! while the input behind it comes in, and every upgrade is accepted.
#![no_main]

use http1::server::{Connection, Poll, Response, ResponseHead};
use http1::{Date, Method};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((piece, input)) = input.split_first() else {
        return;
    };
    assert_eq!(serve(input.chunks(1 + usize::from(*piece))), serve([input]));
});

/// The requests, how the connection stands, how much was said besides interim answers, which depend on when the
/// body comes, and what came in behind an upgrade.
type Served = (Vec<(Method, String, Vec<u8>)>, bool, bool, usize, Vec<u8>);

fn serve<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Served {
    let mut connection = Connection::new();
    let (mut requests, mut said, mut behind) = (Vec::new(), 0, Vec::new());
    let mut is_streaming = false;
    let mut pieces = pieces.into_iter();
    loop {
        let piece = pieces.next();
        let mut out = Vec::new();
        match (connection.poll(&Date::EPOCH, &mut out), piece) {
            (Poll::Upgraded, piece) => behind.extend_from_slice(piece.unwrap_or_default()),
            (_, piece) => connection.receive(piece.unwrap_or_default()),
        }
        said += without_interim(&out);
        if is_streaming {
            let mut out = Vec::new();
            connection.stream_part(b"there", &mut out);
            connection.end_stream(&mut out);
            is_streaming = false;
            said += out.len();
        }
        loop {
            let mut out = Vec::new();
            let Poll::Request(request) = connection.poll(&Date::EPOCH, &mut out) else {
                said += without_interim(&out);
                break;
            };
            let key = request.websocket_key;
            requests.push((
                request.method,
                request.target.to_owned(),
                request.body.to_vec(),
            ));
            if let Some(key) = key {
                behind = connection.respond_upgrade(key.as_str(), &mut out);
            } else if requests.len() % 2 == 0 {
                let head = ResponseHead {
                    status: 200,
                    content_type: "",
                    headers: &[],
                };
                connection.begin_stream(&head, &Date::EPOCH, &mut out);
                connection.stream_part(b"hi", &mut out);
                is_streaming = true;
            } else {
                let answer = Response {
                    status: 200,
                    content_type: "",
                    headers: &[],
                    body: b"hi",
                };
                connection.respond(&answer, &Date::EPOCH, &mut out);
            }
            said += without_interim(&out);
        }
        if piece.is_none() && !is_streaming {
            break;
        }
    }
    (
        requests,
        connection.is_closing(),
        connection.is_idle(),
        said,
        behind,
    )
}

fn without_interim(out: &[u8]) -> usize {
    out.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(out)
        .len()
}
