//! The callback server: the work contract on a libuv-style loop
