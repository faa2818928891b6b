//! `POST /upload`: a body is read to its end, counted and hashed, up to its bound.

use http1::client::encode_request;
use http1::{MAX_BODY_BYTES, Method};

use crate::cases::{Asking, Case, alone, raw_post};
use crate::judge::Expected;
use crate::outcome::Group;
use crate::script::{Refusal, Step};

const UPLOAD: &str = "/upload";

/// SHA-256 of bodies, by `sha256sum`.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const A_BRACE: &str = "021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2ebb4097d96";
const BINARY: &str = "e9489f37fb3051e9efa1dc916004d7274e7b63975e3209708947267f2393a9be";
const A_MIB: &str = "8f990ba0b577b51cf009ea049368c16bbda1b21e1b93be07a824758bb253c39b";

/// The byte of which the longest body is made, so often.
const FILLER: u8 = b'x';

impl Asking<'_> {
    pub(super) fn upload(&self) -> Vec<Case> {
        let most = vec![FILLER; MAX_BODY_BYTES];
        let whole = |name: &str, content_type: &str, body: &[u8], sha256: &str| {
            let steps = vec![
                Step::Send(self.upload_of(content_type, body)),
                Step::Reply(hashed(body.len(), sha256)),
                // A server that had read another length would take the rest for a request.
                Step::Send(self.get("/json")),
                self.next_reply(self.served(Method::Get, "/json")),
            ];
            alone(Group::Upload, name.to_owned(), steps)
        };
        let bytes = "application/octet-stream";
        let in_chunks = |body: &[u8]| {
            let (one, other) = body.split_at(body.len() / 2);
            let chunk = |part: &[u8]| {
                let size = format!("{:x}\r\n", part.len());
                [size.as_bytes(), part, b"\r\n"].concat()
            };
            let chunks = [chunk(one), chunk(other), b"0\r\n\r\n".to_vec()].concat();
            let fields = format!("Content-Type: {bytes}\r\nTransfer-Encoding: chunked\r\n");
            raw_post(UPLOAD, self.host, &fields, &chunks)
        };
        let chunked = vec![
            Step::Send(in_chunks(&most)),
            Step::Reply(hashed(most.len(), A_MIB)),
        ];
        let small = self.upload_of(bytes, b"\0\xff\r\n");
        let pieces = vec![
            Step::SendPieces(small.chunks(5).map(<[u8]>::to_vec).collect()),
            Step::Reply(hashed(4, BINARY)),
        ];
        let over = vec![FILLER; MAX_BODY_BYTES + 1];
        let too_long = |name: &str, sent: Vec<u8>| {
            let refusal = Refusal {
                statuses: vec![413],
                or_served: None,
            };
            let steps = vec![Step::Send(sent), Step::Refusal(refusal)];
            alone(Group::Upload, name.to_owned(), steps)
        };
        let methods = [Method::Get, Method::Put, Method::Delete].map(|method| {
            let steps = vec![
                Step::Send(self.request(method, UPLOAD)),
                Step::Reply(Expected::not_allowed(method, Method::Post)),
            ];
            let name = method.as_str().unwrap_or_default();
            alone(Group::Upload, format!("{name} {UPLOAD} is 405"), steps)
        });
        [
            whole("nothing", bytes, b"", NOTHING),
            whole("bytes of any value", bytes, b"\0\xff\r\n", BINARY),
            whole("1 MiB", bytes, &most, A_MIB),
            whole(
                "what says that it is JSON and is none",
                "application/json",
                b"{",
                A_BRACE,
            ),
            alone(Group::Upload, "1 MiB in chunks".to_owned(), chunked),
            alone(Group::Upload, "5 bytes at a time".to_owned(), pieces),
            too_long("body of 1 MiB + 1 is 413", self.upload_of(bytes, &over)),
            too_long("body of 1 MiB + 1 in chunks is 413", in_chunks(&over)),
        ]
        .into_iter()
        .chain(methods)
        .collect()
    }

    fn upload_of(&self, content_type: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_request(
            Method::Post,
            UPLOAD,
            self.host,
            &[("Content-Type", content_type)],
            Some(body),
            &mut bytes,
        );
        bytes
    }
}

fn hashed(bytes: usize, sha256: &str) -> Expected {
    let body = format!(r#"{{"bytes":{bytes},"sha256":"{sha256}"}}"#);
    Expected::json(Method::Post, 200, vec![body])
}
