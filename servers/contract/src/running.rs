//! A server under test, on a thread of this process.

use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::{fs, io, thread};

use socket2::{Domain, Socket, Type};
use spec::{FILE_SIZES_KIB, Settings, file_bytes, file_name};
use tempfile::TempDir;

use crate::client::{Client, PATIENCE};
use crate::member::Member;

/// A way to run a server: which of its schedulers, or how many loops.
pub trait Serve: Copy + Send + 'static {
    /// Serves until it is asked to stop, and ends as gracefully as for a signal. `on_listening` gets the bound
    /// address, once connections are accepted, and the means to ask for the stop.
    fn serve(
        self,
        settings: &Settings,
        on_listening: impl FnOnce(SocketAddr, Stop),
    ) -> io::Result<()>;
}

/// Asks a server to stop; it may be called from any thread, and after the server has ended.
pub type Stop = Box<dyn Fn() + Send>;

/// A server on a thread of this process, with its data files.
pub struct Running {
    addr: SocketAddr,
    stop: Stop,
    thread: thread::JoinHandle<()>,
    /// Tells how the server ended.
    ended: mpsc::Receiver<io::Result<()>>,
    _data: TempDir,
}

impl Running {
    /// Starts a server on a free port of the loopback, with two workers where it has several, and all files in place;
    /// `change` may make other settings.
    pub fn start(server: impl Serve, change: impl FnOnce(&mut Settings)) -> Self {
        let data = TempDir::new().unwrap();
        for kib in FILE_SIZES_KIB {
            fs::write(data.path().join(file_name(kib)), file_bytes(kib)).unwrap();
        }
        let mut settings = Settings {
            data_dir: data.path().to_str().unwrap().to_owned(),
            workers: NonZeroUsize::new(2).unwrap(),
            ..Settings::new(([127, 0, 0, 1], 0).into())
        };
        change(&mut settings);

        let (tell, listening) = mpsc::channel();
        let (tell_end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let outcome = server.serve(&settings, |addr, stop| tell.send((addr, stop)).unwrap());
            // Nobody listens where a test has failed meanwhile.
            let _ = tell_end.send(outcome);
        });
        let (addr, stop) = listening.recv_timeout(PATIENCE).unwrap();
        Self {
            addr,
            stop,
            thread,
            ended,
            _data: data,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A new connection to it.
    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.addr).unwrap())
    }

    /// A new connection to it, whose client has as little room for what it doesn't read as the kernel allows.
    pub(crate) fn connect_with_little_room(&self) -> Client {
        let socket = Socket::new(Domain::for_address(self.addr), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(1).unwrap();
        socket.connect(&self.addr.into()).unwrap();
        Client::new(socket.into())
    }

    /// A new member of its chat.
    pub fn join_chat(&self) -> Member {
        Member::join(self.connect())
    }

    /// Asks for the stop and returns at once.
    pub fn ask_to_stop(&self) {
        (self.stop)();
    }

    /// Waits for its end, which must be a good one.
    pub fn join(self) {
        match self.ended.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome.unwrap(),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server does not end"),
            // It panicked, which joining tells.
            Err(mpsc::RecvTimeoutError::Disconnected) => {}
        }
        self.thread.join().unwrap();
    }

    /// Asks for the stop and waits for the end.
    pub fn stop(self) {
        self.ask_to_stop();
        self.join();
    }
}
