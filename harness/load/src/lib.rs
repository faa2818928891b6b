//! The instrument: paced sessions over epoll, thread per core
