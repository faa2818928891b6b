//! Sans-IO HTTP/1.1 for both roles
