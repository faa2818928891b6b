//! The read buffer that a thread's connections share.
//!
//! Thousands of idle connections would each keep a buffer only to wait for the next request. A read fills the
//! thread's own buffer instead and is handed on before the task can be suspended, which is what libuv's programs do
//! in their `alloc_cb`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use spec::READ_BUFFER_BYTES;
use tokio::io::{AsyncRead, ReadBuf};

/// Waits until something can be read and gives it to `take`, once. Returns how many bytes that were; 0 is the end.
/// Loses nothing where it is dropped before that.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut take: impl FnMut(&[u8]),
) -> io::Result<usize> {
    poll_fn(|cx| poll_read(stream, cx, &mut take)).await
}

/// [`read`], as what it awaits.
pub(crate) fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buf = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
        take(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    })
}

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice());
}
