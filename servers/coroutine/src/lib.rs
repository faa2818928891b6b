//! The coroutine server: the work contract on tokio
