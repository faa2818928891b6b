//! A server that does right in all that the check asks of `/orders`, `/events` and `/chat`, or wrong in one thing.
//!
//! Who checks the check? A fault that no case finds is a hole; a right server that fails is a wrong case. One thread a
//! connection, and one more for what a member of the chat receives: plain to read, and not for measuring.

use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http1::{MAX_BODY_BYTES, Method};
use serde_json::Value;
use spec::Route;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, OpCode};

use crate::judge::{event, events};
use crate::websocket::{
    BINARY, CLOSE, CONTINUE, MAX_CONTROL_BYTES, PING, PONG, TEXT, frame, header,
};

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    // /sleep
    WakesEarly,
    // /orders
    TakesEveryQuantity,
    TakesEveryAddress,
    TakesNumbersAsText,
    TakesTooManyItems,
    CountsSkusInBytes,
    CountsSkusInUtf16,
    AddsUpIn32Bits,
    NamesTheListOnly,
    CallsMalformedInvalid,
    CallsNoObjectMalformed,
    ReplacesWhatIsNoUtf8,
    AllowsWhatItRefuses,
    TakesAnyLength,
    IgnoresChunks,
    // /events
    SendsAllAtTheEnd,
    SendsAllAtOnce,
    SendsInPairs,
    LosesAnEvent,
    AnnouncesTheLength,
    SendsChunksToOldClients,
    ClosesBehindAStream,
    StreamsToHead,
    ServesOneStreamAtATime,
    StopsOnceAClientLeft,
    IgnoresUnknownKeys,
    WaitsBehindTheLastEvent,
    AllowsCaching,
    // /chat
    AcceptsWithTheKey,
    TakesCompression,
    UpgradesEverything,
    TakesEveryVersion,
    RefusesWithoutUpgrade,
    LosesAMessage,
    SwapsMessages,
    ForgetsTheSender,
    TellsTheSenderOnly,
    HasTwoRooms,
    Mangles,
    SendsEachFrame,
    MasksItsFrames,
    SendsNoPong,
    SendsEmptyPongs,
    PassesPingsOn,
    PassesBinaryOn,
    TakesLessThanTheLongest,
    TakesMoreThanTheLongest,
    TakesMoreInFrames,
    TakesUnmasked,
    PassesOnWhatIsNoUtf8,
    TakesReserved,
    FallsSilent,
    SaysNoCode,
    AnswersNoClose,
    NeverHangsUp,
    WaitsForTheDeaf,
    WaitsForTheDeafForEver,
    StopsAtTheDeparted,
    TiresOfPings,
    KeepsEveryPong,
    WritesPongsAtOnce,
    // stop
    StopsForARestart,
    StopsWithoutAWord,
    StopsAndWaits,
}

/// Most messages that wait for a member.
const MAX_WAITING: usize = 1_024;
const MAX_MESSAGE_BYTES: usize = 65_536;

/// What has all members of the chat closed, as a server does that stops.
pub(super) const STOP: &str = "/stop";

/// How many pings are answered, where not all are.
const FEW_PINGS: usize = 1_000;

/// Starts a server that goes on until the tests end.
pub(super) fn start(fault: Option<Fault>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Arc::new(Server {
        fault,
        members: Mutex::default(),
        stream: Mutex::new(()),
        is_stopped: AtomicBool::new(false),
    });
    thread::spawn(move || {
        for client in listener.incoming() {
            let server = Arc::clone(&server);
            let client = client.unwrap();
            client.set_nodelay(true).unwrap();
            // It ends with an error where the client leaves, as clients do.
            thread::spawn(move || server.serve(client));
        }
    });
    addr
}

struct Server {
    fault: Option<Fault>,
    members: Mutex<Members>,
    /// Held by the only stream that may go on, where that is the fault.
    stream: Mutex<()>,
    is_stopped: AtomicBool,
}

#[derive(Default)]
struct Members {
    next: usize,
    all: Vec<Member>,
    /// How many messages have been passed on.
    messages: usize,
    /// One that is held back, where that is the fault.
    held: Option<Vec<u8>>,
}

struct Member {
    id: usize,
    queue: Queue,
    stream: TcpStream,
}

enum Queue {
    Bounded(SyncSender<Vec<u8>>),
    Unbounded(std::sync::mpsc::Sender<Vec<u8>>),
    /// None: each speaker writes to it.
    Direct,
}

struct Request {
    method: String,
    target: String,
    is_old: bool,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A connection's end, as an error.
type Ends<T> = Result<T, std::io::Error>;

fn end<T>() -> Ends<T> {
    Err(ErrorKind::UnexpectedEof.into())
}

impl Server {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn serve(&self, stream: TcpStream) -> Ends<()> {
        let mut line = Line {
            stream,
            received: Vec::new(),
        };
        while let Some(request) = self.request(&mut line)? {
            if self.is_stopped.load(Ordering::Relaxed) {
                return end();
            }
            if !self.answer(&request, &mut line)? {
                break;
            }
        }
        Ok(())
    }

    /// The next request; `None` where it was too long, and has been refused.
    fn request(&self, line: &mut Line) -> Ends<Option<Request>> {
        let head = loop {
            let place = line
                .received
                .windows(4)
                .position(|part| part == b"\r\n\r\n");
            if let Some(at) = place {
                break line.take(at + 4)?;
            }
            line.hear()?;
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (method, target, version) = (first.next(), first.next(), first.next());
        let fields: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut request = Request {
            method: method.unwrap_or_default().to_owned(),
            target: target.unwrap_or_default().to_owned(),
            is_old: version == Some("HTTP/1.0"),
            fields,
            body: Vec::new(),
        };
        if request.field("expect").is_some() {
            line.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let most = if self.has(Fault::TakesAnyLength) {
            usize::MAX
        } else {
            MAX_BODY_BYTES
        };
        let length = request
            .field("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if request.names("transfer-encoding", "chunked") && !self.has(Fault::IgnoresChunks) {
            loop {
                let size = line.text_line()?;
                let size = usize::from_str_radix(&size, 16).unwrap();
                request.body.extend(line.take(size)?);
                line.text_line()?;
                if size == 0 {
                    break;
                }
                if request.body.len() > most {
                    reply(&mut line.stream, 413, "", b"")?;
                    return Ok(None);
                }
            }
        } else if length > most {
            reply(&mut line.stream, 413, "", b"")?;
            return Ok(None);
        } else {
            request.body = line.take(length)?;
        }
        Ok(Some(request))
    }

    /// Whether the connection goes on.
    fn answer(&self, request: &Request, line: &mut Line) -> Ends<bool> {
        let path = request.target.split('?').next().unwrap_or_default();
        let stays = !request.is_old && !request.names("connection", "close");
        let wants_chat = path == "/chat" || self.has(Fault::UpgradesEverything);
        if wants_chat && request.method == "GET" && request.names("upgrade", "websocket") {
            return self.chat(request, line);
        }
        let allowed: &[&str] = match path {
            "/orders" => &["POST"],
            _ => &["GET", "HEAD"],
        };
        let stream = &mut line.stream;
        if !allowed.contains(&request.method.as_str()) {
            let more = if self.has(Fault::AllowsWhatItRefuses) {
                format!(", {}", request.method)
            } else {
                String::new()
            };
            let allow = format!("Allow: {}{more}\r\n", allowed.join(", "));
            reply_to(stream, &request.method, 405, &allow, b"")?;
            return Ok(stays);
        }
        match path {
            "/orders" => self.orders(request, stream)?,
            "/events" => return self.events(request, stream, stays),
            STOP => {
                self.stop();
                reply(stream, 200, "", b"")?;
            }
            "/chat" => {
                let upgrade = if self.has(Fault::RefusesWithoutUpgrade) {
                    ""
                } else {
                    "Upgrade: websocket\r\n"
                };
                reply(stream, 426, upgrade, b"")?;
            }
            _ => match Route::parse(&request.target) {
                Ok(route) => {
                    if let Route::Sleep { ms } = route {
                        let early = Duration::from_millis(u64::from(self.has(Fault::WakesEarly)));
                        let time = Duration::from_millis(ms.into());
                        thread::sleep(time.saturating_sub(early));
                    }
                    let head = format!("Content-Type: {}\r\n", route.expected_content_type());
                    let body = route.expected_body().unwrap_or_default();
                    reply_to(stream, &request.method, 200, &head, &body)?;
                }
                Err(error) => reply(stream, error.status(), "", b"")?,
            },
        }
        Ok(stays)
    }

    fn orders(&self, request: &Request, stream: &mut TcpStream) -> Ends<()> {
        const JSON: &str = "Content-Type: application/json\r\n";
        if request.target.contains('?') {
            return reply(stream, 400, "", b"");
        }
        let lossy = String::from_utf8_lossy(&request.body);
        let body = if self.has(Fault::ReplacesWhatIsNoUtf8) {
            lossy.as_bytes()
        } else {
            &request.body
        };
        let Ok(order) = serde_json::from_slice::<Value>(body) else {
            return if self.has(Fault::CallsMalformedInvalid) {
                reply(stream, 422, JSON, br#"{"field":""}"#)
            } else {
                reply(stream, 400, "", b"")
            };
        };
        if !order.is_object() && self.has(Fault::CallsNoObjectMalformed) {
            return reply(stream, 400, "", b"");
        }
        match self.total(&order) {
            Ok(body) => reply(stream, 200, JSON, body.as_bytes()),
            Err(path) => {
                let path = if self.has(Fault::NamesTheListOnly) {
                    path.split('.').next().unwrap_or_default().to_owned()
                } else {
                    path
                };
                let body = format!(r#"{{"field":"{path}"}}"#);
                reply(stream, 422, JSON, body.as_bytes())
            }
        }
    }

    /// The sum of an order, or which member is wrong.
    fn total(&self, order: &Value) -> Result<String, String> {
        let wrong = |path: &str| path.to_owned();
        let integer = |value: &Value, min: u64, max: u64| {
            let number = match value {
                Value::String(text) if self.has(Fault::TakesNumbersAsText) => text.parse().ok(),
                value => value.as_u64(),
            };
            number.filter(|number| (min..=max).contains(number))
        };
        order.as_object().ok_or_else(String::new)?;
        let customer = &order["customer"];
        customer.as_object().ok_or_else(|| wrong("customer"))?;
        let id = integer(&customer["id"], 1, (1 << 53) - 1).ok_or_else(|| wrong("customer.id"))?;
        customer["email"]
            .as_str()
            .filter(|email| email.contains('@') || self.has(Fault::TakesEveryAddress))
            .ok_or_else(|| wrong("customer.email"))?;
        let most = if self.has(Fault::TakesTooManyItems) {
            1_000
        } else {
            100
        };
        let items = order["items"]
            .as_array()
            .filter(|items| (1..=most).contains(&items.len()))
            .ok_or_else(|| wrong("items"))?;
        let mut total: u64 = 0;
        for (i, item) in items.iter().enumerate() {
            let wrong = |name: &str| format!("items.{i}{name}");
            item.as_object().ok_or_else(|| wrong(""))?;
            let length = |sku: &str| match self.fault {
                Some(Fault::CountsSkusInBytes) => sku.len(),
                Some(Fault::CountsSkusInUtf16) => sku.encode_utf16().count(),
                _ => sku.chars().count(),
            };
            item["sku"]
                .as_str()
                .filter(|sku| (1..=32).contains(&length(sku)))
                .ok_or_else(|| wrong(".sku"))?;
            let bounds = if self.has(Fault::TakesEveryQuantity) {
                (0, u64::MAX)
            } else {
                (1, 1_000)
            };
            let quantity =
                integer(&item["quantity"], bounds.0, bounds.1).ok_or_else(|| wrong(".quantity"))?;
            let price = integer(&item["unit_price_cents"], 0, 1_000_000)
                .ok_or_else(|| wrong(".unit_price_cents"))?;
            total += quantity * price;
            if self.has(Fault::AddsUpIn32Bits) {
                total %= 1 << 32;
            }
        }
        let count = items.len();
        Ok(format!(
            r#"{{"customer_id":{id},"item_count":{count},"total_cents":{total}}}"#
        ))
    }

    fn events(&self, request: &Request, stream: &mut TcpStream, stays: bool) -> Ends<bool> {
        let Some((count, gap)) = self.stream_asked_for(&request.target) else {
            reply_to(stream, &request.method, 400, "", b"")?;
            return Ok(stays);
        };
        let _alone = self
            .has(Fault::ServesOneStreamAtATime)
            .then(|| self.stream.lock().unwrap());
        let is_chunked = !request.is_old || self.has(Fault::SendsChunksToOldClients);
        let is_announced = self.has(Fault::AnnouncesTheLength);
        let announced = format!("Content-Length: {}\r\n", events(count).len());
        let fields = [
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n",
            DATE,
            if self.has(Fault::AllowsCaching) {
                ""
            } else {
                "Cache-Control: no-cache\r\n"
            },
            match (is_announced, is_chunked) {
                (true, _) => &announced,
                (false, true) => "Transfer-Encoding: chunked\r\n",
                (false, false) => "",
            },
            if stays && is_chunked {
                "\r\n"
            } else {
                "Connection: close\r\n\r\n"
            },
        ];
        let mut unsent = fields.concat().into_bytes();
        if request.method == "HEAD" {
            stream.write_all(&unsent)?;
            if self.has(Fault::StreamsToHead) {
                thread::sleep(gap * (count - 1));
            }
            return Ok(stays && is_chunked);
        }
        for number in 1..=count {
            if number > 1 && !self.has(Fault::SendsAllAtOnce) {
                thread::sleep(gap);
            }
            if !(self.has(Fault::LosesAnEvent) && number == 77) {
                let event = event(number);
                if is_chunked && !is_announced {
                    unsent.extend(format!("{:x}\r\n{event}\r\n", event.len()).into_bytes());
                } else {
                    unsent.extend(event.into_bytes());
                }
            }
            let is_held = match self.fault {
                Some(Fault::SendsAllAtTheEnd) => number < count,
                Some(Fault::SendsInPairs) => number < count && number % 2 == 1,
                _ => false,
            };
            if !is_held {
                self.pass_on(stream, &std::mem::take(&mut unsent))?;
            }
        }
        if self.has(Fault::WaitsBehindTheLastEvent) {
            thread::sleep(gap);
        }
        if is_chunked && !is_announced {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(stays && is_chunked && !self.has(Fault::ClosesBehindAStream))
    }

    fn pass_on(&self, stream: &mut TcpStream, bytes: &[u8]) -> Ends<()> {
        let written = stream.write_all(bytes);
        if written.is_err() && self.has(Fault::StopsOnceAClientLeft) {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        written
    }

    fn stream_asked_for(&self, target: &str) -> Option<(u32, Duration)> {
        let query = target.split_once('?')?.1;
        let (mut count, mut gap_ms) = (None, None);
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=')?;
            let (place, bounds) = match key {
                "n" => (&mut count, 1..=10_000),
                "ms" => (&mut gap_ms, 0..=60_000),
                _ if self.has(Fault::IgnoresUnknownKeys) => continue,
                _ => return None,
            };
            let number: u32 = value.parse().ok()?;
            if place.is_some() || number.to_string() != value || !bounds.contains(&number) {
                return None;
            }
            *place = Some(number);
        }
        Some((count?, Duration::from_millis(gap_ms?.into())))
    }

    fn chat(&self, request: &Request, line: &mut Line) -> Ends<bool> {
        const FIELD: &str = "sec-websocket-version";
        if request.field(FIELD) != Some("13") && !self.has(Fault::TakesEveryVersion) {
            reply(&mut line.stream, 426, "Sec-WebSocket-Version: 13\r\n", b"")?;
            return Ok(true);
        }
        let key = request.field("sec-websocket-key").unwrap_or_default();
        let is_key = data_encoding::BASE64
            .decode(key.as_bytes())
            .is_ok_and(|bytes| bytes.len() == 16);
        if !is_key
            || request.is_old
            || request.target.contains('?')
            || !request.names("connection", "upgrade")
        {
            reply(&mut line.stream, 400, "", b"")?;
            return Ok(!request.is_old);
        }
        let accept = if self.has(Fault::AcceptsWithTheKey) {
            key.to_owned()
        } else {
            derive_accept_key(key.as_bytes())
        };
        let offered = request.field("sec-websocket-extensions");
        let extensions = if offered.is_some() && self.has(Fault::TakesCompression) {
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        } else {
            ""
        };
        // A member that knows that it is connected hears what is said from then on, and nothing before.
        let mut members = self.members.lock().unwrap();
        line.stream.write_all(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
            )
            .as_bytes(),
        )?;
        let id = self.join(&mut members, &line.stream);
        drop(members);
        let talked = self.talk(id, line);
        self.members
            .lock()
            .unwrap()
            .all
            .retain(|member| member.id != id || self.has(Fault::StopsAtTheDeparted));
        talked.map(|()| false)
    }

    fn join(&self, members: &mut Members, stream: &TcpStream) -> usize {
        let id = members.next;
        members.next += 1;
        let queue = if self.has(Fault::WaitsForTheDeaf)
            || self.has(Fault::StopsAtTheDeparted)
            || self.has(Fault::WritesPongsAtOnce)
        {
            Queue::Direct
        } else if self.has(Fault::WaitsForTheDeafForEver) || self.has(Fault::KeepsEveryPong) {
            let (queue, words) = std::sync::mpsc::channel();
            let stream = stream.try_clone().unwrap();
            thread::spawn(move || tell(&words, stream));
            Queue::Unbounded(queue)
        } else {
            let (queue, words) = sync_channel(MAX_WAITING);
            let stream = stream.try_clone().unwrap();
            thread::spawn(move || tell(&words, stream));
            Queue::Bounded(queue)
        };
        members.all.push(Member {
            id,
            queue,
            stream: stream.try_clone().unwrap(),
        });
        id
    }

    /// What a member says, until it ends.
    fn talk(&self, id: usize, line: &mut Line) -> Ends<()> {
        let mut begun: Option<(OpCode, Vec<u8>)> = None;
        let mut pings = 0;
        loop {
            let (head, payload) = match self.frame(line)? {
                Ok(frame) => frame,
                Err(code) => return self.close(id, code),
            };
            let is_control = matches!(head.opcode, OpCode::Control(_));
            if is_control && (payload.len() > MAX_CONTROL_BYTES || !head.is_final) {
                return self.close(id, 1002);
            }
            match (head.opcode, begun.take()) {
                (PING, own) => {
                    begun = own;
                    pings += 1;
                    let payload = if self.has(Fault::SendsEmptyPongs) {
                        Vec::new()
                    } else {
                        payload
                    };
                    if self.has(Fault::PassesPingsOn) {
                        self.say(id, TEXT, &payload);
                    }
                    let is_tired = self.has(Fault::TiresOfPings) && pings > FEW_PINGS;
                    if !self.has(Fault::SendsNoPong) && !is_tired {
                        self.tell_one(id, &self.own(PONG, &payload));
                    }
                    continue;
                }
                (PONG, own) => {
                    begun = own;
                    continue;
                }
                (CLOSE, _) => return self.answer_close(id, &payload),
                (opcode @ (TEXT | BINARY), None) => begun = Some((opcode, payload)),
                (CONTINUE, Some((opcode, own))) => begun = Some((opcode, [own, payload].concat())),
                _ => return self.close(id, 1002),
            }
            let Some((opcode, message)) = &begun else {
                continue;
            };
            let most = match self.fault {
                Some(Fault::TakesLessThanTheLongest) => MAX_MESSAGE_BYTES - 1,
                Some(Fault::TakesMoreThanTheLongest) => MAX_MESSAGE_BYTES + 1,
                Some(Fault::TakesMoreInFrames) if head.opcode == CONTINUE => usize::MAX,
                _ => MAX_MESSAGE_BYTES,
            };
            if message.len() > most {
                return self.close(id, 1009);
            }
            if !head.is_final && !self.has(Fault::SendsEachFrame) {
                continue;
            }
            if *opcode == BINARY && !self.has(Fault::PassesBinaryOn) {
                return self.close(id, 1003);
            }
            let is_text = std::str::from_utf8(message).is_ok();
            if !is_text && *opcode == TEXT && !self.has(Fault::PassesOnWhatIsNoUtf8) {
                return self.close(id, 1007);
            }
            let text = String::from_utf8_lossy(message);
            let text = if self.has(Fault::Mangles) {
                text.replace('\0', "")
            } else {
                text.into_owned()
            };
            self.say(id, TEXT, text.as_bytes());
            begun = (!head.is_final).then(|| (*opcode, Vec::new()));
        }
    }

    /// A client's frame, unmasked, or the code with which to close.
    fn frame(&self, line: &mut Line) -> Ends<Result<(FrameHeader, Vec<u8>), u16>> {
        loop {
            let mut cursor = Cursor::new(&line.received[..]);
            let parsed = FrameHeader::parse(&mut cursor);
            let head_bytes = usize::try_from(cursor.position()).unwrap();
            match parsed {
                Err(_) => return Ok(Err(1002)),
                Ok(Some((head, length))) => {
                    let is_reserved = head.rsv1 || head.rsv2 || head.rsv3;
                    if is_reserved && !self.has(Fault::TakesReserved) {
                        return Ok(Err(1002));
                    }
                    if head.mask.is_none() && !self.has(Fault::TakesUnmasked) {
                        return Ok(Err(1002));
                    }
                    if length > 2 * MAX_MESSAGE_BYTES as u64 {
                        return Ok(Err(1009));
                    }
                    let end = head_bytes + usize::try_from(length).unwrap();
                    if line.received.len() >= end {
                        let bytes = line.take(end)?;
                        let mask = head.mask.unwrap_or_default();
                        let payload = bytes[head_bytes..].iter().zip(mask.iter().cycle());
                        let payload = payload.map(|(byte, mask)| byte ^ mask).collect();
                        return Ok(Ok((head, payload)));
                    }
                }
                Ok(None) => {}
            }
            line.hear()?;
        }
    }

    fn answer_close(&self, id: usize, payload: &[u8]) -> Ends<()> {
        if self.has(Fault::AnswersNoClose) {
            thread::sleep(Duration::from_mins(1));
        }
        let code = match payload {
            [] => return self.hang_up(id, &self.own(CLOSE, b"")),
            [high, low, reason @ ..] if std::str::from_utf8(reason).is_ok() => {
                u16::from_be_bytes([*high, *low])
            }
            _ => 1002,
        };
        let is_allowed = CloseCode::from(code).is_allowed() && code != 1004;
        self.close(id, if is_allowed { code } else { 1002 })
    }

    /// Ends a member, for the reason that the code tells.
    fn close(&self, id: usize, code: u16) -> Ends<()> {
        if self.has(Fault::FallsSilent) && code == 1002 {
            thread::sleep(Duration::from_mins(1));
        }
        if self.has(Fault::SaysNoCode) {
            return self.hang_up(id, &[]);
        }
        self.hang_up(id, &self.own(CLOSE, &code.to_be_bytes()))
    }

    fn hang_up<T>(&self, id: usize, last: &[u8]) -> Ends<T> {
        self.tell_one(id, last);
        if self.has(Fault::NeverHangsUp) {
            thread::sleep(Duration::from_mins(1));
        }
        let mut members = self.members.lock().unwrap();
        members.all.retain(|member| {
            // A member with a thread of its own is hung up on by that thread, behind the last word.
            if member.id == id && matches!(member.queue, Queue::Direct) {
                drop(member.stream.shutdown(Shutdown::Both));
            }
            member.id != id
        });
        end()
    }

    /// A frame of the server's.
    fn own(&self, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let header = header(opcode);
        if self.has(Fault::MasksItsFrames) {
            frame(&header, payload)
        } else {
            frame(
                &FrameHeader {
                    mask: None,
                    ..header
                },
                payload,
            )
        }
    }

    fn tell_one(&self, id: usize, bytes: &[u8]) {
        let members = self.members.lock().unwrap();
        for member in members.all.iter().filter(|member| member.id == id) {
            if member.tell(bytes).is_err() {
                // It fails where the member is gone already.
                drop(member.stream.shutdown(Shutdown::Both));
            }
        }
    }

    /// Closes all members.
    fn stop(&self) {
        let members = &mut *self.members.lock().unwrap();
        let code: u16 = if self.has(Fault::StopsForARestart) {
            1012
        } else {
            1001
        };
        for member in &members.all {
            if self.has(Fault::StopsWithoutAWord) {
                drop(member.stream.shutdown(Shutdown::Both));
            } else if !self.has(Fault::StopsAndWaits) {
                // It fails where the member is gone.
                let _ = member.tell(&self.own(CLOSE, &code.to_be_bytes()));
            }
        }
        if !self.has(Fault::StopsAndWaits) {
            // A member with a thread of its own is hung up on by that thread.
            members.all.clear();
        }
    }

    /// Passes a message on to everyone, in one order, since nobody else does meanwhile.
    fn say(&self, id: usize, opcode: OpCode, message: &[u8]) {
        let bytes = self.own(opcode, message);
        let members = &mut *self.members.lock().unwrap();
        members.messages += 1;
        let is_odd = members.messages % 2 == 1;
        if self.has(Fault::SwapsMessages) && is_odd && members.all.len() > 1 {
            members.held = Some(bytes);
            return;
        }
        let held = members.held.take();
        let loses = self.has(Fault::LosesAMessage) && members.messages == 99;
        let mut gone = Vec::new();
        for (i, member) in members.all.iter().enumerate() {
            let is_reported = match self.fault {
                Some(Fault::ForgetsTheSender) => member.id != id,
                Some(Fault::TellsTheSenderOnly) => member.id == id,
                Some(Fault::HasTwoRooms) => member.id % 2 == id % 2,
                _ => !(loses && i == 0),
            };
            if !is_reported {
                continue;
            }
            // Two messages at a time, and for every other member the other way round.
            let words = match &held {
                Some(held) if i % 2 == 0 => vec![held, &bytes],
                Some(held) => vec![&bytes, held],
                None => vec![&bytes],
            };
            if words.into_iter().any(|word| member.tell(word).is_err()) {
                if self.has(Fault::StopsAtTheDeparted) {
                    return;
                }
                drop(member.stream.shutdown(Shutdown::Both));
                gone.push(member.id);
            }
        }
        members.all.retain(|member| !gone.contains(&member.id));
    }
}

impl Member {
    /// Fails where the member is gone, or where too much waits for it.
    fn tell(&self, bytes: &[u8]) -> Result<(), ()> {
        match &self.queue {
            Queue::Bounded(queue) => queue.try_send(bytes.to_vec()).map_err(drop),
            Queue::Unbounded(queue) => queue.send(bytes.to_vec()).map_err(drop),
            Queue::Direct => (&self.stream).write_all(bytes).map_err(drop),
        }
    }
}

/// Tells a member its words one by one, and hangs up behind the last.
fn tell(words: &Receiver<Vec<u8>>, mut stream: TcpStream) {
    for word in words {
        if stream.write_all(&word).is_err() {
            return;
        }
    }
    // It fails where the client has gone already.
    drop(stream.shutdown(Shutdown::Both));
}

impl Request {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    fn names(&self, field: &str, word: &str) -> bool {
        self.field(field)
            .into_iter()
            .flat_map(|value| value.split(','))
            .any(|named| named.trim().eq_ignore_ascii_case(word))
    }
}

struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Line {
    fn hear(&mut self) -> Ends<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => end(),
            count => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    fn take(&mut self, count: usize) -> Ends<Vec<u8>> {
        while self.received.len() < count {
            self.hear()?;
        }
        Ok(self.received.drain(..count).collect())
    }

    fn text_line(&mut self) -> Ends<String> {
        loop {
            if let Some(at) = self.received.windows(2).position(|part| part == b"\r\n") {
                let line = self.take(at + 2)?;
                return Ok(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.hear()?;
        }
    }
}

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn reply(stream: &mut TcpStream, status: u16, fields: &str, body: &[u8]) -> Ends<()> {
    reply_to(stream, "GET", status, fields, body)
}

fn reply_to(
    stream: &mut TcpStream,
    method: &str,
    status: u16,
    fields: &str,
    body: &[u8],
) -> Ends<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} So\r\n{DATE}{fields}Content-Length: {length}\r\n\r\n");
    let body = if method == Method::Head.as_str().unwrap() {
        b""
    } else {
        body
    };
    stream.write_all(&[head.as_bytes(), body].concat())
}
