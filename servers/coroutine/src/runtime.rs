//! What a coroutine server needs of a runtime.
//!
//! Everything that waits asks the runtime here, and nothing else does: so the same coroutines run on tokio's schedulers and on
//! the loops like asyncio's and libuv's. Must never know what is served.

/// The sockets of a runtime, which all have tokio's names for the same things.
macro_rules! sockets {
    ($listener:ident, $stream:ident) => {
        type Listener = $listener;
        type Stream = $stream;

        fn listen(socket: std::net::TcpListener) -> io::Result<$listener> {
            $listener::from_std(socket)
        }

        async fn accept(listener: &$listener) -> io::Result<$stream> {
            listener.accept().await.map(|(stream, _)| stream)
        }

        fn connect(addr: std::net::SocketAddr) -> impl Future<Output = io::Result<$stream>> + Send {
            $stream::connect(addr)
        }

        fn set_nodelay(stream: &$stream, nodelay: bool) -> io::Result<()> {
            stream.set_nodelay(nodelay)
        }
    };
}
use sockets;

/// What tasks share on a loop of one thread.
macro_rules! one_thread {
    ($semaphore:ident) => {
        type Shared<T: Send + 'static> = crate::shared::Local<T>;
        type Semaphore = $semaphore;

        fn semaphore(permits: usize) -> $semaphore {
            $semaphore::new(permits)
        }

        async fn acquire(semaphore: &$semaphore) -> impl Send {
            semaphore.acquire().await
        }
    };
}
use one_thread;

mod asyncio;
mod libuv;
mod tokio;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};
use serving::Pool;
use spec::{Settings, Stats};

use crate::shared::Shared;

pub(crate) use self::asyncio::Asyncio;
pub(crate) use self::libuv::Libuv;
pub(crate) use self::tokio::Tokio;

/// A runtime. The functions without `self` are called within [`Runtime::run`], of the runtime that runs there.
///
/// What is awaited can be dropped on the way, and whatever was to happen then doesn't; only blocking work goes on.
pub(crate) trait Runtime: Copy + Send + Sync + 'static {
    /// A socket that listens.
    type Listener: Send + Sync + 'static;
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static;
    /// What tasks share and change.
    type Shared<T: Send + 'static>: Shared<T> + 'static;
    /// So many tasks that may do something at once; being woken by it costs what it does on this runtime.
    type Semaphore: Send + Sync + 'static;

    /// Runs `main` to its end on a runtime of these settings, and drops what else is left then. Fails where the runtime can't be
    /// built.
    fn run<F: Future>(self, settings: &Settings, pool: &Pool, main: F) -> io::Result<F::Output>;

    /// What the runtime tells of itself; what is not its own stays null. Called within [`Runtime::run`].
    fn stats(self) -> Stats;

    /// Whether a task may go on on another thread than the one that it ran on before.
    fn moves_tasks(self) -> bool;

    /// A semaphore that so many may acquire at once.
    fn semaphore(permits: usize) -> Self::Semaphore;

    /// Waits for a turn, first come, first served. Dropped, what is given ends it.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = impl Send> + Send;

    /// Runs a coroutine beside others.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Lets everything else that is ready have its turn.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Waits so long.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// Waits for something no longer than this; `None` where it took longer.
    fn timeout<F: Future + Send>(
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send;

    /// Takes a socket that listens and doesn't block.
    fn listen(socket: TcpListener) -> io::Result<Self::Listener>;

    /// Waits for the next connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Connects.
    fn connect(addr: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Sends small writes at once (`TCP_NODELAY`), or gathers them.
    fn set_nodelay(stream: &Self::Stream, nodelay: bool) -> io::Result<()>;

    /// Runs work that would hold the thread on one of the pool's. `None` where it never ran because the pool takes no more.
    fn run_blocking<T: Send + 'static>(
        pool: &Pool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send;

    /// Catches SIGTERM and SIGINT from here on, and waits for the first.
    fn stop_signal() -> io::Result<impl Future<Output = ()>>;
}
