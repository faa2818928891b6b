//! Any bytes, read as a reply; the first says to which method, and whether they come whole or one by one.
#![no_main]

use http1::Method;
use http1::client::{KnownHead, Part, ReplyDecoder, ReplyError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    let method = if choice & 1 == 0 {
        Method::Get
    } else {
        Method::Head
    };
    let whole = read(method, [input]);
    assert_eq!(
        read(method, input.chunks(1 + usize::from(choice >> 1))),
        whole
    );
    let mut known = KnownHead::default();
    for _ in 0..2 {
        assert_eq!(read_knowing(method, [input], &mut known), whole);
    }
});

/// The heads, the body, and either what follows the reply, or what the end of the connection means, or the error.
type Read = (usize, Vec<u8>, Result<Option<Vec<u8>>, ReplyError>);

fn read<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    read_knowing(method, pieces, &mut KnownHead::default())
}

fn read_knowing<'a>(
    method: Method,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    known: &mut KnownHead,
) -> Read {
    let mut reply = ReplyDecoder::new(method);
    let (mut heads, mut body, mut kept) = (0, Vec::new(), Vec::new());
    let mut is_complete = false;
    for piece in pieces {
        kept.extend_from_slice(piece);
        let mut done = 0;
        while !is_complete {
            let (consumed, part) = match reply.decode_as(&kept[done..], known) {
                Ok(found) => found,
                Err(error) => {
                    assert_eq!(reply.decode(&kept), Err(ReplyError::AlreadyFailed));
                    return (heads, body, Err(error));
                }
            };
            done += consumed;
            match part {
                Part::Head(_) => heads += 1,
                Part::Body(bytes) => body.extend_from_slice(bytes),
                Part::End => is_complete = true,
                Part::NeedInput => break,
            }
        }
        kept.drain(..done);
    }
    assert!(heads <= 1);
    let end = if is_complete {
        Ok(Some(kept))
    } else {
        reply.eof().map(|()| None)
    };
    (heads, body, end)
}
