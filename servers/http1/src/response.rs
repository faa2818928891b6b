//! What a server answers, before it is bytes.

/// An answer. `Date`, `Content-Length` and `Connection` are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// 200 to 599.
    pub status: u16,
    /// The `Content-Type`; empty for none.
    pub content_type: &'a str,
    /// Further fields, such as `Allow`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, also for `HEAD`: its length is sent, its bytes are not. Ignored for 204 and 304.
    pub body: &'a [u8],
}

impl<'a> Response<'a> {
    pub(crate) const fn head(&self) -> ResponseHead<'a> {
        ResponseHead {
            status: self.status,
            content_type: self.content_type,
            headers: self.headers,
        }
    }
}

/// An answer but for its body. `Date`, `Transfer-Encoding` and `Connection` are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead<'a> {
    /// 200 to 599; of a streamed answer neither 204 nor 304, which have no body.
    pub status: u16,
    /// The `Content-Type`; empty for none.
    pub content_type: &'a str,
    /// Further fields, such as `Cache-Control`.
    pub headers: &'a [(&'a str, &'a str)],
}
