//! Pure data and arithmetic of the harness
