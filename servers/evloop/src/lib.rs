//! libuv in miniature, on mio
