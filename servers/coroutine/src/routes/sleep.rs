//! `/sleep`: a timer.

use std::time::Duration;

use spec::Answer;

use crate::runtime::Runtime;

pub(super) async fn answer<R: Runtime>(ms: u32) -> Answer {
    R::sleep(Duration::from_millis(ms.into())).await;
    Answer::slept(ms)
}
