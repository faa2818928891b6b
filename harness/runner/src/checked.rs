//! The requests of a scenario, sent once before anything is measured: by the load itself, so that what is checked is what is measured.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use load::{Control, Endpoint, ExpectBody, MAX_KEPT_BODY_BYTES, Options, Reply, Request, Workload};
use model::measured::accounting::ErrorKind;
use model::record::warning::Answered;
use model::spec::load::Load;
use process::control_client::PATIENCE;

/// Longest part of a wrong body that is shown, in characters.
const SHOWN_CHARS: usize = 60;

/// How a request was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) answered: Answered,
    /// No more of its body than [`MAX_KEPT_BODY_BYTES`] and a byte.
    pub(crate) body: Vec<u8>,
}

/// Sends the steps of a session once, one after the other, and says how each was answered, or what is wrong with the first that was
/// not answered as it must be.
///
/// `words`: each request in words. `load`: of the scenario, of which one connection is used.
pub(crate) fn ask(
    endpoint: &Endpoint,
    load: &Load,
    options: &Options,
    words: &[String],
    steps: &[Request],
) -> Result<Vec<Answer>, String> {
    let count = u32::try_from(steps.len()).expect("a scenario has few requests");
    let timeout = load.timeout.max(PATIENCE);
    let load = Load {
        connections: NonZeroU32::MIN,
        request_limit: Some(count.into()),
        timeout,
        duration: timeout * (count + 1),
        drain: timeout,
        ..load.clone()
    };
    let answers: Arc<Mutex<Vec<Result<Answer, String>>>> = Arc::default();
    let control = {
        let (answers, words, steps) = (Arc::clone(&answers), words.to_vec(), steps.to_vec());
        Control::hearing(move |reply| {
            let answer = answer(&steps[reply.request], reply)
                .map_err(|what| format!("{} {what}", words[reply.request]));
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push(answer);
        })
    };
    let workload = Workload::new(steps.to_vec());
    let recording = load::drive(&load, &workload, endpoint.clone(), options, &control)
        .map_err(|error| error.to_string())?;
    let answers = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
    let answers: Vec<Answer> = answers.into_iter().collect::<Result<_, _>>()?;
    if answers.len() == steps.len() {
        return Ok(answers);
    }
    let step = &words[answers.len()];
    let failed = recording.errors.kinds.keys().next();
    Err(failed.map_or_else(
        || {
            format!(
                "{step} had no whole answer within {} s",
                timeout.as_secs_f64()
            )
        },
        |kind| format!("{step} could not be sent: {}", kind.words()),
    ))
}

/// How a request was answered, or in words what is wrong with that.
fn answer(request: &Request, reply: &Reply<'_>) -> Result<Answer, String> {
    let shown = || shown(reply.body, reply.body_bytes);
    match (reply.fate, reply.status, &request.expect.body) {
        (Ok(()), Some(status), _) => Ok(Answer {
            answered: Answered {
                status,
                bytes: reply.body_bytes as u64,
            },
            body: reply.body.to_vec(),
        }),
        (Err(ErrorKind::Status), Some(status), _) => Err(format!(
            "must be answered with status {}, not {status}",
            named_statuses(&request.expect.statuses)
        )),
        (Err(ErrorKind::WrongBody), _, ExpectBody::Exact(expected)) => Err(format!(
            "must be answered with {}, not {}",
            self::shown(expected, expected.len()),
            shown()
        )),
        (Err(ErrorKind::WrongBody), _, ExpectBody::Length(bytes)) if *bytes != reply.body_bytes => {
            Err(format!(
                "must be answered with {bytes} bytes, not {}",
                shown()
            ))
        }
        (Err(ErrorKind::WrongBody), ..) => {
            let read = request
                .reading
                .read(reply.head, reply.body, &mut Vec::new());
            let why = read
                .err()
                .map_or_else(String::new, |why| format!("{why}: "));
            Err(format!("is answered wrongly: {why}{}", shown()))
        }
        (Err(kind), ..) => {
            let why = reply
                .malformation
                .map(|why| format!(": {why}"))
                .unwrap_or_default();
            let hint = match kind {
                ErrorKind::Malformed | ErrorKind::Closed | ErrorKind::Reset => {
                    "; check that this port speaks the http, or https, that was named"
                }
                _ => "",
            };
            Err(format!("failed: a request {}{why}{hint}", kind.words()))
        }
        (Ok(()), None, _) => unreachable!("what succeeds has a status"),
    }
}

/// Statuses for people: `200`, `201 or 404`, `200 to 299`.
fn named_statuses(statuses: &[RangeInclusive<u16>]) -> String {
    let named = statuses
        .iter()
        .map(|range| match (range.start(), range.end()) {
            (one, other) if one == other => one.to_string(),
            (first, last) => format!("{first} to {last}"),
        });
    named.collect::<Vec<_>>().join(" or ")
}

/// A body for people: its length and how it begins.
fn shown(body: &[u8], bytes: usize) -> String {
    let text: String = body
        .escape_ascii()
        .to_string()
        .chars()
        .take(SHOWN_CHARS)
        .collect();
    format!("{bytes} bytes `{text}`")
}

impl Answer {
    /// What is wrong with an answer that must be the same as `first`, if something is.
    pub(crate) fn unlike(&self, first: &Self) -> Option<String> {
        let longest = self.answered.bytes.max(first.answered.bytes);
        if longest > MAX_KEPT_BODY_BYTES as u64 {
            return Some(format!(
                "with at most {MAX_KEPT_BODY_BYTES} bytes where answers are to be equal, not {longest}"
            ));
        }
        let shown = |answer: &Self| shown(&answer.body, answer.body.len());
        (self.body != first.body).then(|| format!("with {}, not {}", shown(first), shown(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_must_be_equal_are_compared_up_to_the_bound() {
        let answer = |byte, bytes| Answer {
            answered: Answered {
                status: 200,
                bytes: bytes as u64,
            },
            body: vec![byte; bytes],
        };
        let most = answer(b'a', MAX_KEPT_BODY_BYTES);
        assert_eq!(most.unlike(&most), None);
        let other = answer(b'b', MAX_KEPT_BODY_BYTES).unlike(&most).unwrap();
        assert!(other.starts_with("with 1048576 bytes `aaa"), "{other}");
        let more = answer(b'a', MAX_KEPT_BODY_BYTES + 1);
        let why = more.unlike(&more).unwrap();
        assert!(why.contains("at most 1048576 bytes"), "{why}");
    }
}
